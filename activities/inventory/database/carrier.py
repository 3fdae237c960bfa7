"""Carrying an operation's calls to Postgres, over a connection of the engine's pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Engine, exc

from activities.inventory.database.calls import (
    BEGIN,
    BEGIN_SNAPSHOT,
    Call,
    ResultT,
    Steps,
    told_to_operation,
)
from activities.inventory.database.engine import connected, lift_limits

_BEGINNINGS: Final = (BEGIN, BEGIN_SNAPSHOT)


def carry_out(engine: Engine, steps: Steps[ResultT]) -> ResultT:
    """Run an operation to its end and return its result; what it has begun and not ended is undone.

    Args:
        engine: on which each statement is a transaction of its own.
        steps: the operation.

    Raises:
        LedgerError: the database did not answer, gave up or refused.
    """
    with connected(engine) as connection:
        return carry(connection, steps)


def carry(connection: Connection, steps: Steps[ResultT]) -> ResultT:
    """Run an operation on a connection that is open, in whatever transaction it has open."""
    try:
        call = next(steps)
        while True:
            try:
                rows = _make(connection, call)
                told = None
            except exc.DBAPIError as error:
                cause = error.orig
                told = told_to_operation(cause) if isinstance(cause, psycopg.Error) else None
                if told is None:
                    raise
            # Told out here, for what an operation lets through is not to have the cause in it.
            call = steps.send(rows) if told is None else steps.throw(told)
    except StopIteration as end:
        result: ResultT = end.value
        return result
    finally:
        steps.close()


def _make(connection: Connection, call: Call) -> Sequence[Any]:
    result = connection.exec_driver_sql(call.statement, call.for_driver())
    if call in _BEGINNINGS:
        lift_limits(connection)
    return result.all() if result.returns_rows else ()
