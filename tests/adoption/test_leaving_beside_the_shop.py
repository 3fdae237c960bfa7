"""The shop and the ledger go on while switches are put on and taken off."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Engine

from activities.inventory.adoption import steps
from activities.inventory.adoption.catalogue import read_catalogue
from activities.inventory.adoption.leave_script import leave_script, locks_to_leave
from activities.inventory.adoption.quoting import name
from activities.inventory.adoption.script import KEEP_TO_BUDGET, apply_script, held, triggers_of
from activities.inventory.database.errors import LedgerUnavailable
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.test_giving_way import deadlocks
from tests.limits import HANG_SECONDS

PRODUCTS = 4
# What transactions of shop C's do, each with one of the two tables that get switches.
ADD = "UPDATE inventory_stock SET quantity = quantity + 1 WHERE product_id = {}"
REPRICE = "UPDATE inventory_product SET price = price + 1 WHERE id = {}"


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    shop = open_adopted("c")
    for number in range(1, PRODUCTS + 1):
        shop.code(f'p = Product.objects.create(sku="P-{number}", name="P", price=5)')
        shop.code("Stock.objects.create(product=p, quantity=10000)")
    return shop


@pytest.mark.parametrize("letter", ["a", "b", "c", "d"])
def test_each_lock_that_the_shop_may_wait_for_is_within_the_one_budget(
    open_adopted: OpenAdopted, letter: str
):
    shop = open_adopted(letter)
    with shop.engine.connect() as connection:
        catalogue = read_catalogue(connection, shop.plan)
    lines = leave_script(shop.plan, catalogue).splitlines()
    locks = locks_to_leave(shop.plan)
    expected = held(locks).splitlines()
    assert expected[::2] == [KEEP_TO_BUDGET] * len(locks)
    assert lines[: len(expected)] == expected
    tables = [table for table, mode in locks if mode == "ACCESS EXCLUSIVE"]
    assert {table for _, table in triggers_of(shop.plan)} <= set(tables)
    # As who sells: words and checkouts, then the shop's rows, then the ledger's own stock.
    assert [table for table, _ in locks[:3]] == [
        "holdfast.late_words",
        "holdfast.reservations",
        name(shop.plan.stock.table),
    ]
    script = apply_script(shop.plan, catalogue)
    before = script[: script.index('LOCK TABLE "public"')].splitlines()
    assert before[-1] == KEEP_TO_BUDGET
    assert not [line for line in before if ' ON "public"' in line]


@pytest.mark.parametrize(
    ("way", "first", "long", "short"),
    [
        ("apply", "inventory_product", ADD, REPRICE),
        ("leave", "inventory_stock", REPRICE, ADD),
    ],
)
def test_what_stands_behind_a_blocked_try_comes_through_and_a_later_try_ends_well(
    shop: Adopted, way: str, first: str, long: str, short: str
):
    """A try has the first table, and cannot have the other, which a long transaction uses."""
    if way == "leave":
        shop.adopt()
    with ThreadPoolExecutor() as threads, psycopg.connect(shop.shop_url) as busy:
        busy.execute(long.format(1))
        switching = threads.submit(getattr(steps, way), shop.engine, shop.plan)
        for _ in range(3):
            until_it_waits_with(shop, first)
            # Its row is nobody's; only the locks of the try are in the way of it.
            threads.submit(shop.sql.execute, short.format(2)).result(timeout=HANG_SECONDS)
        assert not switching.done()
        busy.commit()
        switching.result(timeout=HANG_SECONDS)
    added, number = (1, 1) if long == ADD else (3, 2)
    (row,) = shop.sql.execute(
        "SELECT quantity FROM inventory_stock WHERE product_id = %s", [number]
    ).fetchall()
    assert row[0] == shop.item(f"P-{number}")[0] == 10000 + added
    assert deadlocks(shop) == 0
    assert shop.breaches() == []


def until_it_waits_with(shop: Adopted, table: str) -> None:
    """Wait until a try has this table, and waits for another."""
    while not shop.owner(
        "SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid "
        "WHERE a.usename = 'test_ledger' AND l.granted AND a.wait_event_type = 'Lock' "
        f"AND l.relation = 'public.{table}'::regclass "
        "AND l.mode IN ('ShareRowExclusiveLock', 'AccessExclusiveLock')"
    ):
        time.sleep(0.005)


class Trade:
    """The shop adds one at a time, and the ledger sells one at a time, until they are told."""

    def __init__(self, shop: Adopted) -> None:
        self.shop = shop
        self.added: Counter[str] = Counter()
        self.turns: Counter[str] = Counter()
        self.failures: list[str] = []
        self.is_over = False

    def add(self, number: int) -> None:
        chance = random.Random(number)
        with psycopg.connect(self.shop.shop_url, autocommit=True) as connection:
            while not self.is_over:
                product = chance.randint(1, PRODUCTS)
                try:
                    connection.execute(ADD.format(product))
                except psycopg.Error as error:
                    self.failures.append(str(error))
                    return
                self.added[f"P-{product}"] += 1
                self.turns[f"shop {number}"] += 1

    def sell(self, number: int) -> None:
        chance = random.Random(100 + number)
        while not self.is_over:
            id = f"c-{number}-{self.turns[f'asked {number}']}"
            self.turns[f"asked {number}"] += 1
            try:
                self.shop.reserve(
                    id, f"cart-{number}", None, **{f"P_{chance.randint(1, PRODUCTS)}": 2}
                )
                self.shop.close(id)
            except LedgerUnavailable:
                continue
            self.turns[f"ledger {number}"] += 1

    def goes_on(self, turns: int) -> None:
        """Wait until each has had so many turns more."""
        names = [f"{who} {number}" for who in ("shop", "ledger") for number in range(2)]
        wanted = {name: self.turns[name] + turns for name in names}
        while any(self.turns[name] < wanted[name] for name in names) and not self.failures:
            time.sleep(0.005)


def test_nothing_is_lost_while_a_shop_that_sells_is_adopted_and_left(shop: Adopted):
    trade = Trade(shop)
    with ThreadPoolExecutor() as threads:
        running = [threads.submit(trade.add, number) for number in range(2)]
        shop.adopt()
        running += [threads.submit(trade.sell, number) for number in range(2)]
        try:
            trade.goes_on(20)
            steps.leave(shop.engine, shop.plan)
            trade.goes_on(20)
        finally:
            trade.is_over = True
        for each in running:
            each.result(timeout=HANG_SECONDS)
    assert trade.failures == []
    assert deadlocks(shop) == 0
    assert in_the_shop(shop) == by_the_ledger(shop, trade.added)
    assert shop.breaches() == []


def in_the_shop(shop: Adopted) -> list[tuple[str, int, int]]:
    return shop.sql.execute(
        "SELECT p.sku, s.quantity, s.reserved_quantity FROM inventory_stock AS s "
        "JOIN inventory_product AS p ON p.id = s.product_id ORDER BY p.sku"
    ).fetchall()


def by_the_ledger(shop: Adopted, added: Counter[str]) -> list[tuple[str, int, int]]:
    """Return the figures that rows have: what the shop added, and what was sold until the end."""
    rows = shop.owner(
        "SELECT s.sku, sum(m.total_delta)::int, sum(m.reserved_delta)::int "
        "FROM holdfast.stock_items AS s "
        "JOIN holdfast.stock_movements AS m ON m.stock_item_id = s.id "
        "WHERE m.reservation_id IS NOT NULL AND m.id <= ("
        "SELECT (o.answer ->> 'movement')::bigint FROM holdfast.operation_records AS o "
        "WHERE o.operation_id LIKE 'left/%') GROUP BY s.sku ORDER BY s.sku"
    )
    return [(sku, 10000 + added[sku] + total, reserved) for sku, total, reserved in rows]


def test_very_many_rows_of_holds_are_taken_out_in_pages(
    open_adopted: OpenAdopted, monkeypatch: pytest.MonkeyPatch
):
    shop = open_adopted("b")
    shop.code('Product.objects.create(sku="MUG", name="Mug", total_stock=10)')
    shop.adopt()
    for number in range(7):
        shop.reserve(f"c{number}", "1", None, MUG=1)
    scripts = "activities.inventory.adoption.leave_script.HOLDS_AT_ONCE_MAX"
    monkeypatch.setattr(scripts, 2)
    monkeypatch.setattr(steps, "HOLDS_AT_ONCE_MAX", 2)
    kept = []

    def run(engine: Engine, script: str) -> None:
        kept.append(shop.owner("SELECT count(*) FROM public.inventory_stockreservation")[0][0])
        run_script(engine, script)

    run_script = steps._run_script
    monkeypatch.setattr(steps, "_run_script", run)
    assert steps.leave(shop.engine, shop.plan) == 7
    assert kept == [1]
    assert shop.sql.execute("SELECT FROM inventory_stockreservation").fetchall() == []
