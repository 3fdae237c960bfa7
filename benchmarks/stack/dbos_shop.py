"""A shop on DBOS: the same checkout as a durable workflow in the shop's own process.

Written as the library's documentation shows it for a checkout in a web service: the workflow runs
in the process that takes the request, publishes its decision as an event, and waits for the
payment's message with a timeout. Its functions are the synchronous kind: the asynchronous ones
made half as many checkouts. A client in a process of its own would have to enqueue, and a queue is
polled. The delay of notifications is tuned in its favour, a larger pool brought nothing, and the
final answer is taken from the handle in memory, which costs it nothing.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Self

from dbos import DBOS, DBOSConfig, SetWorkflowID, SQLAlchemyDatasource, WorkflowHandle

from benchmarks.stack import peer_ledger
from benchmarks.stack.jobs import HOLD_SECONDS, PEER_DATABASE_VARIABLE

_POOL_SIZE: Final = 20
_THREADS: Final = 256
# With the 10 ms of the default a lone answer comes 5 ms later; with 1 ms the thread that looks for
# notifications takes processor time that the checkouts lack.
_NOTIFICATION_DELAY_SECONDS: Final = 0.002
_ANSWER_SECONDS: Final = 60.0
_DECISION: Final = "decision"
_PAYMENT: Final = "payment"


class DbosShop:
    """Reserves and confirms by workflows that run in this process."""

    def __init__(self, url: str) -> None:
        config: DBOSConfig = {
            "name": "shop",
            "system_database_url": url,
            "sys_db_pool_size": _POOL_SIZE,
            "max_executor_threads": _THREADS,
            "notification_coalesce_sec": _NOTIFICATION_DELAY_SECONDS,
            "log_level": "ERROR",
        }
        DBOS(config=config)
        ledger = SQLAlchemyDatasource.create(url, engine_kwargs={"pool_size": _POOL_SIZE})
        self._workflow = _define_checkout(ledger)
        DBOS.launch()
        self._threads = ThreadPoolExecutor(_THREADS, "shopper")
        self._handles: dict[str, WorkflowHandle[dict[str, Any]]] = {}

    @classmethod
    async def open(cls) -> Self:
        """Launch on the database that the environment names."""
        return await asyncio.to_thread(cls, os.environ[PEER_DATABASE_VARIABLE])

    async def reserve(self, checkout_id: str, sku: str) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._reserve, checkout_id, sku)

    async def confirm(self, checkout_id: str) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._confirm, checkout_id)

    async def close(self) -> None:
        await asyncio.to_thread(DBOS.destroy)

    def _reserve(self, checkout_id: str, sku: str) -> None:
        request = {"lines": [{"sku": sku, "quantity": 1}], "hold_seconds": HOLD_SECONDS}
        with SetWorkflowID(checkout_id):
            self._handles[checkout_id] = DBOS.start_workflow(self._workflow, request)
        decision = DBOS.get_event(checkout_id, _DECISION, _ANSWER_SECONDS)
        if decision is None or decision["status"] != "held":
            raise RuntimeError(f"{checkout_id} was not held: {decision}")

    def _confirm(self, checkout_id: str) -> None:
        DBOS.send(checkout_id, {"payment_reference": "payment"}, _PAYMENT)
        outcome = self._handles.pop(checkout_id).get_result()
        if outcome["status"] != "fulfilled":
            raise RuntimeError(f"{checkout_id} was not fulfilled: {outcome}")


def _define_checkout(ledger: SQLAlchemyDatasource) -> Any:
    """Return the workflow, with its transactions on this datasource."""

    @ledger.transaction(name="reserve", isolation_level="READ COMMITTED")
    def reserve(checkout_id: str, request: dict[str, Any]) -> dict[str, Any]:
        return peer_ledger.reserve(ledger.sql_session(), checkout_id, request)

    @ledger.transaction(name="close", isolation_level="READ COMMITTED")
    def close(checkout_id: str, status: str) -> dict[str, Any]:
        return peer_ledger.close(ledger.sql_session(), checkout_id, status)

    @DBOS.workflow(name="checkout")
    def checkout(request: dict[str, Any]) -> dict[str, Any]:
        checkout_id = DBOS.workflow_id
        assert checkout_id is not None
        decision = reserve(checkout_id, request)
        DBOS.set_event(_DECISION, decision)
        if decision["status"] != "held":
            return decision
        payment = DBOS.recv(_PAYMENT, timeout_seconds=request["hold_seconds"])
        return close(checkout_id, "fulfilled" if payment else "expired")

    return checkout
