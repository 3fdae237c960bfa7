"""A shop's day in a few seconds: every outcome, and everything that a metric counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from temporalio.client import Client

from activities.inventory.ledger import Ledger
from activities.inventory.records import Closing, StockRow
from holdfast_client import (
    AmendmentRefused,
    Cancelled,
    Denied,
    Expired,
    Fulfilled,
    Held,
    ReservationClient,
    Unavailable,
)
from tests.workflows.waiting import until

UNITS_LEFT_HELD = 3
UNITS_DRIFTED = 1


@dataclass(frozen=True)
class Traffic:
    """Shoppers, support staff and a clumsy administrator, on one database.

    Args:
        shop: the checkout service.
        temporal: the same Temporal, past the checkout service.
        ledger: the same database, past all workflows.
        database_url: of the tables' owner.
        word: that nobody else uses, for ids and SKUs.
    """

    shop: ReservationClient
    temporal: Client
    ledger: Ledger
    database_url: str
    word: str

    async def flow(self, drift_is_seen: Callable[[], Awaitable[None]]) -> None:
        """Let it all happen, the loss of the database once the wrong figures were seen."""
        self.ledger.load_stock([StockRow(self.word, "main", 100)])
        await self.shop.adjust_stock(self.word, self.word, "receive", 5)
        await asyncio.gather(
            self._pay(),
            self._want_too_much(),
            self._change_their_mind(),
            self._change_the_cart_and_ship(),
            self._forget(),
            self._come_after_a_tombstone(),
            self._pay_too_late(),
            self._leave_a_hold_without_a_workflow(),
        )
        await self._hold("kept", UNITS_LEFT_HELD)
        self._write_wrong_figures()
        await drift_is_seen()
        await self._lose_the_database()

    async def _pay(self) -> None:
        await self._hold("paid")
        await self.shop.extend(f"{self.word}-paid", 60)
        assert isinstance(
            await self.shop.confirm(f"{self.word}-paid", f"pay-{self.word}-paid"), Fulfilled
        )

    async def _want_too_much(self) -> None:
        outcome = await self.shop.reserve(f"{self.word}-denied", [(self.word, 1_000)])
        assert isinstance(outcome, Denied)

    async def _change_their_mind(self) -> None:
        await self._hold("cancelled")
        assert isinstance(await self.shop.cancel(f"{self.word}-cancelled"), Cancelled)

    async def _change_the_cart_and_ship(self) -> None:
        checkout_id = f"{self.word}-shipped"
        await self._hold("shipped")
        await self.shop.amend(checkout_id, [(self.word, 2)])
        with suppress(AmendmentRefused):
            await self.shop.amend(checkout_id, [(self.word, 1_000)])
        await self.shop.confirm(checkout_id, "pay_3", settle="commit")
        assert isinstance(await self.shop.fulfil(checkout_id, "s-1"), Fulfilled)

    async def _forget(self) -> None:
        await self._hold("expired", hold_seconds=1)

        async def is_over() -> bool:
            report = await self.shop.status(f"{self.word}-expired")
            return report.status == "expired"

        await until(is_over)

    async def _come_after_a_tombstone(self) -> None:
        self.ledger.close([Closing(f"{self.word}-barred", "cancelled")])
        outcome = await self.shop.reserve(f"{self.word}-barred", [(self.word, 1)])
        assert isinstance(outcome, Cancelled)

    async def _pay_too_late(self) -> None:
        await self._hold("late")
        self.ledger.close([Closing(f"{self.word}-late", "cancelled")])
        assert isinstance(
            await self.shop.confirm(f"{self.word}-late", f"pay_2-{self.word}"), Cancelled
        )

    async def _leave_a_hold_without_a_workflow(self) -> None:
        checkout_id = f"{self.word}-terminated"
        # Long enough for a busy machine to terminate it first.
        await self._hold("terminated", hold_seconds=10)
        workflow = self.temporal.get_workflow_handle(f"checkout/{checkout_id}")
        await workflow.terminate("as a test does")
        await until(
            lambda: isinstance(
                self.ledger.reservations([checkout_id])[checkout_id].outcome, Expired
            )
        )

    async def _lose_the_database(self) -> None:
        self._sql("ALTER TABLE holdfast.reservations RENAME TO away")
        try:
            outcome = await self.shop.reserve(f"{self.word}-unavailable", [(self.word, 1)])
        finally:
            self._sql("ALTER TABLE holdfast.away RENAME TO reservations")
        assert isinstance(outcome, Unavailable)

    def _write_wrong_figures(self) -> None:
        self._sql(
            "UPDATE holdfast.stock_items SET reserved_quantity = reserved_quantity + "
            f"{UNITS_DRIFTED} WHERE sku = '{self.word}'"
        )

    async def _hold(self, name: str, quantity: int = 1, hold_seconds: int = 900) -> None:
        outcome = await self.shop.reserve(
            f"{self.word}-{name}", [(self.word, quantity)], hold_seconds=hold_seconds
        )
        assert isinstance(outcome, Held), outcome

    def _sql(self, statement: str) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as link:
            link.execute(statement)
