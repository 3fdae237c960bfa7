"""The exit code that an answer or an error of the client means."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from holdfast_client.cli.orders.columns import NoOrders, OrderFileError
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
    OverOpen,
    PaymentConflict,
    RefundNotDue,
    RevisionConflict,
)
from holdfast_client.contract.outcomes import FINAL_STATUSES
from holdfast_client.terminal.exit_codes import ExitCode

_REFUSALS = (
    AdjustmentConflict,
    AmendmentRefused,
    CheckoutConflict,
    CheckoutInterrupted,
    CheckoutNotFound,
    ExtensionRefused,
    GraceRefused,
    HoldNotActive,
    OperationConflict,
    OverOpen,
    RevisionConflict,
    PaymentConflict,
    RefundNotDue,
)
# All that a checkout can be but unavailable, which says no more than that nothing was done.
_TOLD_STATUSES = (FINAL_STATUSES - {"unavailable"}) | {"pending", "held", "committed"}


def of_status(status: str, wanted: AbstractSet[str]) -> ExitCode:
    """Return the exit code of an answer to a command that hoped for a ``wanted`` status.

    What a status means that this version does not know is unknown.
    """
    if status in wanted:
        return ExitCode.DONE
    is_refusal = status in _TOLD_STATUSES
    return ExitCode.REFUSED if is_refusal else ExitCode.UNKNOWN


def of_error(error: HoldfastError) -> ExitCode:
    """Return the exit code of an error that the client raised."""
    if isinstance(error, NoOrders):
        return ExitCode.NOTHING
    if isinstance(error, (InvalidRequest, OrderFileError)):
        return ExitCode.USAGE
    return ExitCode.REFUSED if isinstance(error, _REFUSALS) else ExitCode.UNKNOWN
