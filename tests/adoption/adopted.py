"""One of the four shops and the ledger, side by side."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import Engine, text

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Plan, read_plan
from activities.inventory.adoption.script import WAIT_BUDGET_MS
from activities.inventory.adoption.standing import Standing, read_standing
from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.calls import Steps
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.ledger import Ledger
from activities.inventory.records import (
    Closing,
    ClosingStatus,
    ReservationState,
    StockLoad,
    StockRow,
)
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import Outcome
from tests.adoption.shops import EXAMPLES, Shop
from tests.inventory.functions import rewrite_function
from tests.inventory.pools import opened_pool
from tests.inventory.shop import states
from tests.limits import HANG_SECONDS

# How often a test asks again where a busy machine has taken the whole budget of a transaction.
PATIENCE: Final = 20
# What it says then; the last also of a client that was late ("idle-in-transaction timeout").
SLOWNESS: Final = re.compile("whole budget|statement timeout|transaction timeout")
AnswerT = TypeVar("AnswerT")


def patiently(ask: Callable[[], AnswerT], patience: int = PATIENCE) -> AnswerT:
    """Ask as workers do: again, where nobody but the machine was in the way."""
    for _ in range(patience):
        try:
            return ask()
        except LedgerUnavailable as refusal:
            _raise_unless_slow(refusal)
    return ask()


def _raise_unless_slow(refusal: LedgerUnavailable) -> None:
    if not SLOWNESS.search(str(refusal)):
        raise refusal


class PatientLedger(Ledger):
    """A ledger that is asked as workers ask, whatever it is asked for."""

    def _ask(self, begin: Callable[[], Steps[AnswerT]]) -> AnswerT:
        return patiently(partial(super()._ask, begin))

    def load_stock(self, rows: Sequence[StockRow], as_of: datetime | None = None) -> StockLoad:
        return patiently(partial(super().load_stock, rows, as_of))


class PatientAsyncLedger(AsyncLedger):
    """The same for coroutines."""

    async def _ask(self, begin: Callable[[], Steps[AnswerT]]) -> AnswerT:
        for _ in range(PATIENCE):
            try:
                return await super()._ask(begin)
            except LedgerUnavailable as refusal:
                _raise_unless_slow(refusal)
        return await super()._ask(begin)


@dataclass
class Adopted:
    """A shop, its code and its database, and the ledger in it.

    Args:
        letter: which of the four.
        url: of the role that owns the ledger, and is in the shop's; it is no superuser.
        superuser_url: of one.
        shop_url: of the shop's own role.
        engine: of the role that owns the ledger.
        ledger: under the worker's role; asked again where the machine took a transaction's budget.
        impatient: the same, for who is about that budget.
        code: the shop's own.
        sql: a connection of the shop's.
    """

    letter: str
    url: str
    superuser_url: str
    shop_url: str
    engine: Engine
    ledger: PatientLedger
    impatient: Ledger
    code: Shop
    sql: psycopg.Connection[Any]

    @property
    def plan_file(self) -> Path:
        return EXAMPLES / f"shop_{self.letter}" / "plan.toml"

    @property
    def plan(self) -> Plan:
        return read_plan(self.plan_file)

    def adopt(self, **writes: str) -> None:
        """Apply the shop's plan, perhaps with other policies."""
        steps.apply(self.engine, self.plan_with(**writes))

    def plan_with(self, **writes: str) -> Plan:
        document = self.plan.model_dump()
        return Plan.model_validate({**document, "writes": {**document["writes"], **writes}})

    def owner(self, statement: str, **values: object) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    def superuser(self, statement: str) -> None:
        with psycopg.connect(self.superuser_url) as connection:
            connection.execute(statement)

    def reserve(
        self,
        checkout_id: str,
        cart_id: str | None = None,
        customer_id: str | None = None,
        *,
        patience: int = PATIENCE,
        **quantities: int,
    ) -> Outcome:
        lines = tuple(
            Line(sku=sku.replace("_", "-"), quantity=units) for sku, units in quantities.items()
        )
        request = CheckoutRequest(
            checkout_id=checkout_id,
            lines=lines,
            hold_seconds=900,
            cart_id=cart_id,
            customer_id=customer_id,
        )
        (answer,) = patiently(lambda: self.impatient.reserve([request]), patience)
        assert isinstance(answer, ReservationState), answer
        return answer.outcome

    def close(self, checkout_id: str, status: ClosingStatus = "fulfilled") -> Outcome:
        is_payment = status in {"fulfilled", "committed"}
        payment = f"pay-{checkout_id}" if is_payment else None
        closing = Closing(checkout_id, status, "", "", payment)
        (state,) = states(self.ledger.close([closing]))
        return state.outcome

    def expire_now(self, checkout_id: str) -> Outcome:
        """Let the deadline of a hold be over, and end it."""
        self.owner(
            "UPDATE holdfast.reservations SET expires_at = now() - interval '1 s' "
            "WHERE checkout_id = :id",
            id=checkout_id,
        )
        return self.close(checkout_id, "expired")

    def item(self, sku: str) -> tuple[int, int, int]:
        """Return total, reserved and what of it is the shop's, of the stock item."""
        (row,) = self.owner(
            "SELECT total_quantity, reserved_quantity, shop_reserved FROM holdfast.stock_items "
            "WHERE sku = :sku",
            sku=sku,
        )
        return tuple(row)

    def kinds(self, sku: str) -> list[tuple[str, int, int]]:
        """Return the movements of a stock item."""
        rows = self.owner(
            "SELECT m.kind, m.total_delta, m.reserved_delta FROM holdfast.stock_movements AS m "
            "JOIN holdfast.stock_items AS s ON s.id = m.stock_item_id WHERE s.sku = :sku "
            "ORDER BY m.id",
            sku=sku,
        )
        return [tuple(row) for row in rows]

    def put_back(self) -> list[tuple[str, str, int]]:
        """Return SKU, column and count of what was put back."""
        rows = self.owner(
            "SELECT sku, column_name, times FROM holdfast.put_back_writes ORDER BY 1, 2"
        )
        return [tuple(row) for row in rows]

    def standing(self) -> Standing:
        found = read_standing(self.engine)
        assert found
        return found

    def breaches(self) -> list[str]:
        return [str(breach) for breach in self.ledger.audit()]


@asynccontextmanager
async def opened_ledger(shop: Adopted) -> AsyncIterator[AsyncLedger]:
    """Open a ledger for coroutines, under the role that owns it, that is asked as patiently."""
    async with opened_pool(shop.engine) as pool:
        yield PatientAsyncLedger(pool)


def without_budget(shop: Adopted) -> None:
    """Let the ledger look for rows of the shop, and hold them, for minutes.

    For a test that is not about how long it may, and lets something else come about meanwhile.
    """
    minutes_ms = HANG_SECONDS * 1_000
    budget = "budget_ms CONSTANT integer := {}"
    rewrite_function(
        shop.engine, "keep_to_budget", budget.format(WAIT_BUDGET_MS), budget.format(minutes_ms)
    )
    looking = "interval '{} milliseconds'"
    rewrite_function(
        shop.engine, "lock_shop_rows", looking.format(WAIT_BUDGET_MS), looking.format(minutes_ms)
    )
