"""The exit code of a command: what a script may branch on.

====  =================================================================================
0     what was asked for is so
1     refused: denied, expired, cancelled unasked, conflict, no live hold, not found
2     wrong usage: nothing was sent
3     unreachable, unknown or unavailable: the same command may be given again
4     nothing to do: the order file has no orders
130   interrupted by Ctrl-C
====  =================================================================================
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import IntEnum

from holdfast_client.cli.order_columns import NoOrders, OrderFileError
from holdfast_client.errors import (
    AdjustmentConflict,
    CheckoutConflict,
    CheckoutInterrupted,
    CheckoutNotFound,
    ExtensionRefused,
    HoldfastError,
    HoldNotActive,
    InvalidRequest,
)
from holdfast_client.outcomes import CheckoutStatus

_REFUSALS = (
    AdjustmentConflict,
    CheckoutConflict,
    CheckoutInterrupted,
    CheckoutNotFound,
    ExtensionRefused,
    HoldNotActive,
)


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNKNOWN = 3
    NOTHING = 4
    INTERRUPTED = 130


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
