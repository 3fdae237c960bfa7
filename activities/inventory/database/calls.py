"""What an operation asks of the database, apart from who carries it there.

An operation is a generator: it yields one call after the other and is sent the rows of each. So its
decisions are plain code, and the same operation runs on any kind of connection. Outside a
transaction each call is one by itself; ``BEGIN``, ``COMMIT`` and ``ROLLBACK`` are calls too.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors as postgres

from activities.inventory.database.arrays import array_text
from activities.inventory.database.errors import (
    TOO_MANY_ROWS_STATE,
    FigureUnfit,
    driver_error,
)

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Call:
    """A statement in the driver's own form, and the values for its names.

    A list is for an array: the statement says by a cast of what.
    """

    statement: str
    values: Mapping[str, Any] | None = None

    def for_driver(self) -> dict[str, Any] | None:
        """Return the values as the driver is to have them, or None where there are none."""
        if not self.values:
            return None
        return {
            name: array_text(value) if isinstance(value, list) else value
            for name, value in self.values.items()
        }


Steps = Generator[Call, Sequence[Any], ResultT]

BEGIN: Final = Call("BEGIN ISOLATION LEVEL READ COMMITTED")
# All statements read the same moment.
BEGIN_SNAPSHOT: Final = Call("BEGIN ISOLATION LEVEL REPEATABLE READ")
COMMIT: Final = Call("COMMIT")
ROLLBACK: Final = Call("ROLLBACK")

# What the ledger's functions raise where somebody has to choose; nothing was done then.
SOMETHING_TO_DECIDE_STATE: Final = "HF001"


# What the triggers of an adoption raise.
FIGURE_UNFIT_STATE: Final = "HF003"


# What says that the ledger gave way. Whoever asks for much may ask for less.
_GAVE_WAY_STATES: Final = frozenset(
    {
        postgres.LockNotAvailable.sqlstate,
        postgres.QueryCanceled.sqlstate,
        TOO_MANY_ROWS_STATE,
    }
)


class SomethingToDecide(Exception):
    """A call that only does what needs no decision met something that does, and did nothing."""


def told_to_operation(error: psycopg.Error) -> Exception | None:
    """Return what an operation is told of a call that did nothing; None of all other failures."""
    if error.sqlstate == SOMETHING_TO_DECIDE_STATE:
        return SomethingToDecide()
    if error.sqlstate == FIGURE_UNFIT_STATE:
        return FigureUnfit(str(error.diag.message_primary))
    if error.sqlstate in _GAVE_WAY_STATES:
        return driver_error(error, is_lost=False)
    return None


def scalar(call: Call) -> Steps[Any]:
    """Make a call whose answer is one value."""
    rows = yield call
    return rows[0][0]


def in_transaction(steps: Steps[ResultT], begin: Call = BEGIN) -> Steps[ResultT]:
    """Make all calls of an operation in one transaction; who carries them undoes a failed one."""
    yield begin
    result = yield from steps
    yield COMMIT
    return result
