"""The exit code that an answer or an error of the client means."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from holdfast_client.cli.orders.columns import NoOrders, OrderFileError
from holdfast_client.contract.errors import (
    AdjustmentConflict,
    CheckoutConflict,
    CheckoutInterrupted,
    CheckoutNotFound,
    ExtensionRefused,
    HoldfastError,
    HoldNotActive,
    InvalidRequest,
)
from holdfast_client.contract.outcomes import CheckoutStatus
from holdfast_client.terminal.exit_codes import ExitCode

_REFUSALS = (
    AdjustmentConflict,
    CheckoutConflict,
    CheckoutInterrupted,
    CheckoutNotFound,
    ExtensionRefused,
    HoldNotActive,
)


def of_status(status: CheckoutStatus, wanted: AbstractSet[CheckoutStatus]) -> ExitCode:
    """Return the exit code of an answer to a command that hoped for a ``wanted`` status."""
    if status in wanted:
        return ExitCode.DONE
    return ExitCode.UNKNOWN if status == "unavailable" else ExitCode.REFUSED


def of_error(error: HoldfastError) -> ExitCode:
    """Return the exit code of an error that the client raised."""
    if isinstance(error, NoOrders):
        return ExitCode.NOTHING
    if isinstance(error, (InvalidRequest, OrderFileError)):
        return ExitCode.USAGE
    return ExitCode.REFUSED if isinstance(error, _REFUSALS) else ExitCode.UNKNOWN
