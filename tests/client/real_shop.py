"""The real shop: the client over a real Temporal, with a real worker and a ledger of its own."""

from __future__ import annotations

import asyncio
from typing import Any

from activities.inventory.records import StockRow
from holdfast_client import ReservationClient
from holdfast_client.contract.names import DEFAULT_LOCATION, checkout_workflow_id
from tests.client.waiting import closed
from tests.workflows.stage import Stage

_OPEN = "SELECT checkout_id FROM holdfast.reservations WHERE status = 'held'"
_DUE = _OPEN + " AND ends_at <= holdfast.clock()"
_RETIRE = "UPDATE holdfast.stock_items SET active = false WHERE sku = :sku AND location = :location"


class RealShop:
    """A stage, as the conformance tests see it."""

    def __init__(self, stage: Stage, answer_timeout_seconds: float) -> None:
        self.client = ReservationClient(
            stage.client,
            task_queue=stage.till.task_queue,
            answer_timeout_seconds=answer_timeout_seconds,
        )
        self._stage = stage
        self._passed_seconds = 0.0

    async def stock(
        self, sku: str, total: int, location: str = DEFAULT_LOCATION, active: bool = True
    ) -> None:
        await asyncio.to_thread(self._stage.ledger.load_stock, [StockRow(sku, location, total)])
        if not active:
            await self._sql(_RETIRE, sku=sku, location=location)

    async def available(self, sku: str, location: str = DEFAULT_LOCATION) -> tuple[int, int, int]:
        return await asyncio.to_thread(self._stage.shop.figures, sku, location)

    async def pass_time(self, seconds: float) -> None:
        """Turn the clocks of the ledger and of every open checkout; wait until the due have ended.

        Ended in the workflow too: the ledger knows it a moment before the workflow does.
        """
        self._passed_seconds += seconds
        await asyncio.to_thread(self._stage.turn_clock, self._passed_seconds)
        open_ids, due_ids = await self._ids(_OPEN), await self._ids(_DUE)
        for checkout_id in open_ids:
            handle = self._stage.client.get_workflow_handle(checkout_workflow_id(checkout_id))
            await self._stage.pass_time(handle, seconds)
        for checkout_id in due_ids:
            await closed(self._stage.client, checkout_id)

    async def _ids(self, statement: str) -> list[str]:
        return [checkout_id for (checkout_id,) in await self._sql(statement)]

    async def _sql(self, statement: str, **parameters: object) -> list[Any]:
        return await asyncio.to_thread(self._stage.shop.sql, statement, **parameters)
