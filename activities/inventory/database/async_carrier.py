"""Carrying an operation's calls to Postgres from a coroutine, over a connection of the pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from activities.inventory.database.calls import (
    Call,
    ResultT,
    Steps,
    told_to_operation,
)
from activities.inventory.database.errors import ConnectionLost, driver_error
from activities.inventory.database.pool import AsyncLedgerConnection, LedgerPool, StatementTracer


async def carry_out(pool: LedgerPool, steps: Steps[ResultT]) -> ResultT:
    """Run an operation to its end and return its result; what it has begun and not ended is undone.

    Where the coroutine is cancelled, the connection at work is closed, and the server undoes it.

    Raises:
        LedgerError: the database did not answer, gave up or refused.
    """
    try:
        connection = await pool.take()
    except psycopg.Error as error:
        steps.close()
        raise driver_error(error, is_lost=False) from None
    try:
        result = await _carry(connection, steps, pool.tracer)
    except psycopg.Error as error:
        is_lost = await pool.give_back(connection, error)
        raise driver_error(error, is_lost=is_lost) from None
    except BaseException as error:
        await pool.give_back(connection, error)
        raise
    if await pool.give_back(connection):
        raise ConnectionLost("the database's server only reads by now")
    return result


async def _carry(
    connection: AsyncLedgerConnection, steps: Steps[ResultT], tracer: StatementTracer | None
) -> ResultT:
    try:
        call = next(steps)
        while True:
            try:
                rows = await _make(connection, call, tracer)
                told = None
            except psycopg.Error as error:
                told = told_to_operation(error)
                if told is None:
                    raise
            # Told out here, for what an operation lets through is not to have the cause in it.
            call = steps.send(rows) if told is None else steps.throw(told)
    except StopIteration as end:
        result: ResultT = end.value
        return result
    finally:
        steps.close()


async def _make(
    connection: AsyncLedgerConnection, call: Call, tracer: StatementTracer | None
) -> Sequence[Any]:
    if tracer is None:
        return await _ask(connection, call)
    with tracer(call.statement):
        return await _ask(connection, call)


async def _ask(connection: AsyncLedgerConnection, call: Call) -> Sequence[Any]:
    cursor = await connection.execute(call.statement, call.for_driver())
    result = cursor.pgresult
    return await cursor.fetchall() if result is not None and result.nfields else ()
