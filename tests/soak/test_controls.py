"""Positive controls: with a protection taken out, the chaos run's own checks report it.

Each scenario runs twice. As it is, nothing may be found; with the protection out, the violation
must be. Where the database's constraints would save us, they are dropped in both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.async_carrier import carry_out
from activities.inventory.operations.standing import read_states
from activities.inventory.records import Closing, ReservationState
from holdfast_client.contract.outcomes import Cancelled
from tests.faults.late_ledger import LateLedger
from tests.inventory.functions import rewrite_function
from tests.inventory.pools import opened_pool
from tests.soak.trial import Trial, cart, open_trial
from tests.workflows.blockade import blockade
from tests.workflows.stage import Stage
from tests.workflows.waiting import until

# More than the workflow makes before it hears that it is cancelled.
RESERVE_ATTEMPTS_MAX = 50

sabotage = pytest.mark.parametrize("is_sabotaged", [False, True], ids=["protected", "sabotaged"])


class ForgetfulLedger(LateLedger):
    """Writes no tombstones: what it does not know it calls cancelled and forgets again."""

    async def close(self, closings: Sequence[Closing]) -> tuple[ReservationState, ...]:
        known = await carry_out(
            self._pool, read_states([closing.checkout_id for closing in closings])
        )
        if all(closing.checkout_id in known for closing in closings):
            answers: tuple[ReservationState, ...] = await super().close(closings)
            return answers
        over = Cancelled(reason="soak", at=datetime.now(UTC))
        return tuple(ReservationState(over, None) for _ in closings)


@sabotage
async def test_without_the_row_lock_the_last_unit_is_sold_twice(
    idle_stage: Stage, unique: str, is_sabotaged: bool
):
    sku = idle_stage.stock(unique, 1)
    idle_stage.shop.sql(
        "ALTER TABLE holdfast.stock_items DROP CONSTRAINT stock_items_reserved_within_total"
    )
    if is_sabotaged:
        engine = idle_stage.shop.engine
        rewrite_function(engine, "post_movements", "FOR NO KEY UPDATE OF s")
    ids = [f"{unique}-a", f"{unique}-b"]
    async with (
        opened_pool(idle_stage.shop.engine) as pool,
        open_trial(idle_stage, AsyncLedger(pool)) as trial,
    ):
        with blockade(idle_stage.shop, sku) as stranger:
            asking = [asyncio.create_task(trial.ask.reserve(cart(id, sku))) for id in ids]
            await stranger.until_waiting(2)
            stranger.lift()
            await asyncio.gather(*asking)
        for told in tuple(trial.testimony.told):
            if told.outcome.status == "held":
                await trial.ask.confirm(told.checkout_id, "paid")
    expected = {"invariant broken", "sold figures differ"} if is_sabotaged else set()
    assert trial.kinds() == expected


@sabotage
async def test_without_tombstones_a_late_reserve_holds_for_a_cancelled_checkout(
    idle_stage: Stage, unique: str, is_sabotaged: bool
):
    sku = idle_stage.stock(unique, 5)
    kind = ForgetfulLedger if is_sabotaged else LateLedger
    # Every attempt is late: none may hold before the cancellation is heard.
    async with opened_pool(idle_stage.shop.engine) as pool:
        ledger = kind(pool)
        ledger.hold_back("reserve", attempts=RESERVE_ATTEMPTS_MAX)
        async with open_trial(idle_stage, ledger) as trial:
            asking = asyncio.create_task(trial.ask.reserve(cart(unique, sku)))
            await until(lambda: ledger.arrived)
            await trial.ask.cancel(unique)
            await asking
            await _let_go(ledger)
    assert trial.kinds() == ({"told over but holds"} if is_sabotaged else set())


@sabotage
async def test_without_the_conditional_transition_a_late_attempt_sells_twice(
    idle_stage: Stage, unique: str, is_sabotaged: bool
):
    sku = idle_stage.stock(unique, 5)
    if is_sabotaged:
        # What the line has left would still keep it from being sold twice.
        engine = idle_stage.shop.engine
        for rule in ("quantities_add_up", "quantities_not_negative"):
            idle_stage.shop.sql(
                f"ALTER TABLE holdfast.reservation_lines DROP CONSTRAINT reservation_lines_{rule}"
            )
        rewrite_function(engine, "close_reservations", "AND r.closed_at IS NULL")
        whoever_has_not_paid = "AND (c.status = 'cancelled' OR r.status = 'held')"
        rewrite_function(engine, "close_reservations", whoever_has_not_paid)
        # Nor would a payment that has settled it be put down once more.
        by_its_payment = "AND (c.payment_reference IS NULL OR c.checkout_id = ANY(settled))"
        rewrite_function(engine, "close_reservations", by_its_payment)
        rewrite_function(
            engine,
            "close_reservations",
            "SELECT stock_item_id, quantity",
            "SELECT stock_item_id, taken_quantity AS quantity",
        )
    async with opened_pool(idle_stage.shop.engine) as pool:
        ledger = LateLedger(pool)
        ledger.hold_back("close")
        async with open_trial(idle_stage, ledger) as trial:
            await trial.ask.reserve(cart(unique, sku, quantity=2))
            await trial.ask.confirm(unique, "paid")
            assert ledger.arrived == 1
            await _let_go(ledger)
    expected = {"invariant broken", "fulfilled not once", "sold figures differ"}
    assert trial.kinds() == (expected if is_sabotaged else set())


@sabotage
async def test_without_the_reconciler_the_hold_of_a_terminated_workflow_stays_for_ever(
    idle_stage: Stage, unique: str, is_sabotaged: bool
):
    sku = idle_stage.stock(unique, 5)
    async with (
        opened_pool(idle_stage.shop.engine) as pool,
        open_trial(idle_stage, AsyncLedger(pool)) as trial,
    ):
        await trial.ask.reserve(cart(unique, sku))
        await idle_stage.till.handle(unique).terminate("by hand")
        idle_stage.turn_clock(900 + 61)
        if not is_sabotaged:
            await _reconcile(trial, unique)
    assert trial.kinds() == ({"held for ever"} if is_sabotaged else set())


async def _let_go(ledger: LateLedger) -> None:
    ledger.let_go()
    await until(lambda: ledger.late_answers)


async def _reconcile(trial: Trial, unique: str) -> None:
    await trial.stage.client.execute_workflow(
        "ReconcileWorkflow",
        id=f"reconcile-{unique}",
        task_queue=trial.stage.till.task_queue,
    )
