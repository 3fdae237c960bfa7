"""Holdfast's client: reserve stock for a checkout, confirm, extend or cancel it.

Names are loaded when they are first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from holdfast_client.arguments import LineLike
    from holdfast_client.availability import AvailabilityPage, PlaceAvailability, SkuAvailability
    from holdfast_client.availability_reader import AvailabilityReader, SyncAvailabilityReader
    from holdfast_client.client import ReservationClient
    from holdfast_client.errors import (
        AdjustmentConflict,
        CheckoutConflict,
        CheckoutInterrupted,
        CheckoutNotFound,
        ExtensionRefused,
        HoldfastError,
        HoldNotActive,
        InvalidRequest,
        OutcomeUnknown,
        ServerUnreachable,
        StockUnreadable,
        UsedAfterFork,
    )
    from holdfast_client.fake import FakeReservationClient
    from holdfast_client.holds import ComingFree, Holds, OpenHold
    from holdfast_client.messages import AdjustmentKind, Line
    from holdfast_client.outcomes import (
        AdjustmentApplied,
        AdjustmentOutcome,
        AdjustmentRefused,
        Cancelled,
        CheckoutEvent,
        CheckoutReport,
        CheckoutStatus,
        Denied,
        Expired,
        FinalOutcome,
        Fulfilled,
        Held,
        HeldLine,
        Holder,
        Outcome,
        Shortage,
        Unavailable,
    )
    from holdfast_client.protocol import Reservations
    from holdfast_client.summaries import CheckoutSummary, SummaryStatus
    from holdfast_client.sync_client import SyncReservationClient
    from holdfast_client.sync_facade import SyncReservations
    from holdfast_client.sync_fake import SyncFakeReservationClient
    from holdfast_client.timeline import Timeline, TimelineEvent, TimelineMovement

__version__: Final = "0.1.0"

__all__ = [
    "AdjustmentApplied",
    "AdjustmentConflict",
    "AdjustmentKind",
    "AdjustmentOutcome",
    "AdjustmentRefused",
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
    "Denied",
    "Expired",
    "ExtensionRefused",
    "FakeReservationClient",
    "FinalOutcome",
    "Fulfilled",
    "Held",
    "HeldLine",
    "HoldNotActive",
    "Holder",
    "HoldfastError",
    "Holds",
    "InvalidRequest",
    "Line",
    "LineLike",
    "OpenHold",
    "Outcome",
    "OutcomeUnknown",
    "PlaceAvailability",
    "ReservationClient",
    "Reservations",
    "ServerUnreachable",
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
    "UsedAfterFork",
    "__version__",
]

_HOMES: Final[dict[str, str]] = {
    "AdjustmentKind": "messages",
    "AvailabilityPage": "availability",
    "AvailabilityReader": "availability_reader",
    "CheckoutSummary": "summaries",
    "ComingFree": "holds",
    "Holds": "holds",
    "OpenHold": "holds",
    "FakeReservationClient": "fake",
    "Line": "messages",
    "LineLike": "arguments",
    "ReservationClient": "client",
    "PlaceAvailability": "availability",
    "Reservations": "protocol",
    "SkuAvailability": "availability",
    "SummaryStatus": "summaries",
    "SyncAvailabilityReader": "availability_reader",
    "SyncFakeReservationClient": "sync_fake",
    "SyncReservationClient": "sync_client",
    "SyncReservations": "sync_facade",
    "Timeline": "timeline",
    "TimelineEvent": "timeline",
    "TimelineMovement": "timeline",
}
_ERRORS: Final = frozenset(
    {
        "AdjustmentConflict",
        "CheckoutConflict",
        "CheckoutInterrupted",
        "CheckoutNotFound",
        "ExtensionRefused",
        "HoldNotActive",
        "HoldfastError",
        "InvalidRequest",
        "OutcomeUnknown",
        "ServerUnreachable",
        "StockUnreadable",
        "UsedAfterFork",
    }
)

if not TYPE_CHECKING:  # a type checker reads the imports above, and finds misspelled names

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = "errors" if name in _ERRORS else _HOMES.get(name, "outcomes")
        attribute = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = attribute
        return attribute

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
