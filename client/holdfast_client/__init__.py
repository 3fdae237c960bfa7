"""Holdfast's client: reserve stock for a checkout, confirm, extend or cancel it.

Names are loaded when they are first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from holdfast_client.availability.figures import (
        AvailabilityPage,
        PlaceAvailability,
        SkuAvailability,
    )
    from holdfast_client.availability.reader import AvailabilityReader, SyncAvailabilityReader
    from holdfast_client.client import ReservationClient
    from holdfast_client.contract.arguments import LineLike
    from holdfast_client.contract.errors import (
        AdjustmentConflict,
        AmendmentRefused,
        CheckoutConflict,
        CheckoutInterrupted,
        CheckoutNotFound,
        ExtensionRefused,
        GraceRefused,
        HoldfastError,
        HoldNotActive,
        InvalidRequest,
        OperationConflict,
        OutcomeUnknown,
        OverOpen,
        PaymentConflict,
        RefundNotDue,
        RevisionConflict,
        ServerUnreachable,
        StockUnreadable,
        UsedAfterFork,
    )
    from holdfast_client.contract.holds import ComingFree, Holds, OpenHold
    from holdfast_client.contract.messages import (
        AdjustmentKind,
        Late,
        Line,
        PaymentResult,
        Rest,
        Settle,
    )
    from holdfast_client.contract.outcomes import (
        AdjustmentApplied,
        AdjustmentOutcome,
        AdjustmentRefused,
        Cancelled,
        CheckoutEvent,
        CheckoutReport,
        CheckoutStatus,
        Committed,
        Denied,
        Expired,
        FinalOutcome,
        Fulfilled,
        Held,
        HeldLine,
        Holder,
        Outcome,
        PaymentReport,
        RefundDue,
        SettledOutcome,
        ShipmentReport,
        Shortage,
        Unavailable,
        UnknownOutcome,
    )
    from holdfast_client.contract.refunds import DueRefund, Refunded, Refunds
    from holdfast_client.contract.summaries import CheckoutSummary, SummaryStatus
    from holdfast_client.contract.timeline import Timeline, TimelineEvent, TimelineMovement
    from holdfast_client.fake.client import FakeReservationClient, SyncFakeReservationClient
    from holdfast_client.methods.reservations import Reservations
    from holdfast_client.sync_client import SyncReservationClient
    from holdfast_client.sync_methods.reservations import SyncReservations

__version__: Final = "0.1.0"

__all__ = [
    "AdjustmentApplied",
    "AdjustmentConflict",
    "AdjustmentKind",
    "AdjustmentOutcome",
    "AdjustmentRefused",
    "AmendmentRefused",
    "AvailabilityPage",
    "AvailabilityReader",
    "Cancelled",
    "CheckoutConflict",
    "CheckoutEvent",
    "CheckoutInterrupted",
    "CheckoutNotFound",
    "CheckoutReport",
    "CheckoutStatus",
    "CheckoutSummary",
    "ComingFree",
    "Committed",
    "Denied",
    "DueRefund",
    "Expired",
    "ExtensionRefused",
    "FakeReservationClient",
    "FinalOutcome",
    "Fulfilled",
    "GraceRefused",
    "Held",
    "HeldLine",
    "HoldNotActive",
    "Holder",
    "HoldfastError",
    "Holds",
    "InvalidRequest",
    "Late",
    "Line",
    "LineLike",
    "OpenHold",
    "OperationConflict",
    "Outcome",
    "OutcomeUnknown",
    "OverOpen",
    "PaymentConflict",
    "PaymentReport",
    "PaymentResult",
    "PlaceAvailability",
    "RefundDue",
    "RefundNotDue",
    "Refunded",
    "Refunds",
    "ReservationClient",
    "Reservations",
    "Rest",
    "RevisionConflict",
    "ServerUnreachable",
    "Settle",
    "SettledOutcome",
    "ShipmentReport",
    "Shortage",
    "SkuAvailability",
    "StockUnreadable",
    "SummaryStatus",
    "SyncAvailabilityReader",
    "SyncFakeReservationClient",
    "SyncReservationClient",
    "SyncReservations",
    "Timeline",
    "TimelineEvent",
    "TimelineMovement",
    "Unavailable",
    "UnknownOutcome",
    "UsedAfterFork",
    "__version__",
]

# Where each name is at home.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "availability.figures": (
        "AvailabilityPage",
        "PlaceAvailability",
        "SkuAvailability",
    ),
    "availability.reader": (
        "AvailabilityReader",
        "SyncAvailabilityReader",
    ),
    "client": ("ReservationClient",),
    "contract.arguments": ("LineLike",),
    "contract.errors": (
        "AdjustmentConflict",
        "AmendmentRefused",
        "CheckoutConflict",
        "CheckoutInterrupted",
        "CheckoutNotFound",
        "ExtensionRefused",
        "GraceRefused",
        "HoldNotActive",
        "HoldfastError",
        "InvalidRequest",
        "OperationConflict",
        "OutcomeUnknown",
        "OverOpen",
        "RevisionConflict",
        "PaymentConflict",
        "RefundNotDue",
        "ServerUnreachable",
        "StockUnreadable",
        "UsedAfterFork",
    ),
    "contract.holds": (
        "ComingFree",
        "Holds",
        "OpenHold",
    ),
    "contract.messages": (
        "AdjustmentKind",
        "Late",
        "Line",
        "PaymentResult",
        "Rest",
        "Settle",
    ),
    "contract.outcomes": (
        "AdjustmentApplied",
        "AdjustmentOutcome",
        "AdjustmentRefused",
        "Cancelled",
        "CheckoutEvent",
        "CheckoutReport",
        "CheckoutStatus",
        "Committed",
        "Denied",
        "Expired",
        "FinalOutcome",
        "Fulfilled",
        "Held",
        "HeldLine",
        "Holder",
        "Outcome",
        "PaymentReport",
        "RefundDue",
        "SettledOutcome",
        "ShipmentReport",
        "Shortage",
        "Unavailable",
        "UnknownOutcome",
    ),
    "contract.refunds": (
        "DueRefund",
        "Refunded",
        "Refunds",
    ),
    "contract.summaries": (
        "CheckoutSummary",
        "SummaryStatus",
    ),
    "contract.timeline": (
        "Timeline",
        "TimelineEvent",
        "TimelineMovement",
    ),
    "fake.client": (
        "FakeReservationClient",
        "SyncFakeReservationClient",
    ),
    "methods.reservations": ("Reservations",),
    "sync_client": ("SyncReservationClient",),
    "sync_methods.reservations": ("SyncReservations",),
}
_HOMES: Final = {name: home for home, names in _NAMES.items() for name in names}

if not TYPE_CHECKING:  # a type checker reads the imports above, and finds misspelled names

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        attribute = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = attribute
        return attribute

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
