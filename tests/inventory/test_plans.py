"""How Postgres goes about the statements of daily work: rows are looked up, none is searched for.

A connection keeps the plan of a statement that it has sent often. Such a plan is asked for here on
a database that was just made, and on one that is known to have a row or two in each table, where
reading a table or an index whole would be cheapest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Engine, text

from activities.inventory import ledger_operations
from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
from activities.inventory.ledger_operations import HOLD_SECONDS_CAP_DEFAULT
from activities.inventory.operations.reserve import ReserveBatch
from activities.inventory.records import Closing, StockRow
from activities.inventory.sql.statements import (
    audits,
    movements,
    operations,
    payments,
    reservations,
    stock,
    timelines,
)
from holdfast_client.contract.messages import CheckoutRequest, Line, StockAdjustment
from tests.inventory import by_hand
from tests.inventory.databases import fresh_database
from tests.inventory.shop import TABLES, Shop, hold_until

DAILY: Final = {
    name: getattr(module, name)
    for module, names in (
        (
            reservations,
            ("FIND_OVERDUE_ON", "FIND_NEXT_EXPIRY", "READ_EXTENSIBLE", "READ_RESERVATIONS"),
        ),
        (stock, ("READ_AVAILABILITY", "READ_STANDINGS")),
        (movements, ("READ_MOVED_SINCE",)),
        (operations, ("READ_OPERATION",)),
        (payments, ("READ_PAYMENTS",)),
    )
    for name in names
}
READINGS: Final = {
    "READ_CHECKOUT": (timelines, "reservations_checkout_id_attempt_key"),
    "READ_LINES": (timelines, "reservation_lines_pkey"),
    "READ_CHANGES": (timelines, "operation_records_of_reservation"),
    "READ_MOVEMENTS": (timelines, "stock_movements_once_per_operation"),
    "READ_DENIED_DEMAND": (timelines, "reservations_denied_by_time"),
    "READ_STOCK_ITEM": (stock, "stock_items_sku_location_key"),
    "READ_LOCATIONS": (stock, "stock_items_sku_location_key"),
    "READ_ITEM_MOVEMENTS": (movements, "stock_movements_pkey"),
    "SUM_MOVEMENTS_BEFORE": (movements, "stock_movements_pkey"),
    "SUM_MOVEMENTS_UNTIL": (movements, "stock_movements_pkey"),
}
STATEMENTS: Final = DAILY | {name: getattr(module, name) for name, (module, _) in READINGS.items()}


_ROWS_READ: Final = text("""
SELECT sum(seq_tup_read) + sum(idx_tup_fetch)
  FROM pg_stat_xact_user_tables
 WHERE schemaname = 'holdfast'
""")


_KEPT: Final = text("""
SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE :statement
""")


def kept_plan(engine: Engine, statement: str, before: str = "SELECT 1") -> str:
    """Return the plan of a statement whatever its parameters are."""
    return "\n".join(_explained(engine, statement, before))


def _explained(
    engine: Engine, statement: str, before: str = "SELECT 1", options: str = "COSTS"
) -> Sequence[Any]:
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    numbered = re.sub(r"%\((\w+)\)s", lambda m: f"${names.index(m[1]) + 1}", statement)
    nulls = ", ".join(["NULL"] * len(names))
    with engine.connect() as connection:
        connection.exec_driver_sql(before)
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        connection.exec_driver_sql(f"PREPARE daily AS {numbered}")
        asked = f"EXPLAIN ({options}) EXECUTE daily({nulls})"
        rows = connection.exec_driver_sql(asked).scalars().all()
        connection.exec_driver_sql("DEALLOCATE daily")
    return rows


def _steps(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _steps(part)


@pytest.fixture
def first_day(postgres_url: str, template: str) -> Iterator[Engine]:
    """A shop of which Postgres knows that it has sold one thing, and has one left."""
    with fresh_database(postgres_url, template) as url:
        engine = open_engine(url, connections_max=2)
        shop = Ledger(engine)
        shop.load_stock([StockRow("mug", "main", 2)])
        line = (Line(sku="mug", quantity=1),)
        shop.reserve([CheckoutRequest(checkout_id=id, lines=line) for id in ("sold", "held")])
        shop.close([Closing("sold", "fulfilled", payment_reference="paid")])
        # Postgres knows how few rows there are, and is not told of those that come later.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in TABLES:
                connection.exec_driver_sql(
                    f"ALTER TABLE holdfast.{table} SET (autovacuum_enabled = off)"
                )
            connection.exec_driver_sql("VACUUM (ANALYZE)")
        yield engine
        engine.dispose()


@pytest.mark.parametrize("name", DAILY)
def test_a_plan_made_on_an_empty_shop_reads_no_table_whole(engine: Engine, name: str) -> None:
    plan = kept_plan(engine, STATEMENTS[name])
    assert "Index" in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_plan_made_on_the_first_day_goes_through_no_index_whole(
    first_day: Engine, name: str
) -> None:
    ((plan,),) = _explained(first_day, STATEMENTS[name], options="FORMAT JSON")
    for step in _steps(plan["Plan"]):
        assert step["Node Type"] != "Seq Scan"
        assert "Index Cond" in step or not step["Node Type"].startswith("Index"), step


@pytest.mark.parametrize("name", READINGS)
def test_the_past_is_found_by_its_index(engine: Engine, name: str) -> None:
    plan = kept_plan(engine, STATEMENTS[name])
    assert READINGS[name][1] in plan
    assert "Seq Scan" not in plan


# --- functions, triggers and references, whose plans nobody can ask for ---------------------------


def _reserve(connection: Connection, id: str) -> None:
    assert by_hand.reserve_what_fits(connection, ReserveBatch.of([_mug(id)]))


def _reserve_beside_a_denial(connection: Connection, id: str) -> None:
    denied = CheckoutRequest(checkout_id=f"no-{id}", lines=(Line(sku="unknown", quantity=1),))
    by_hand.decide(connection, ReserveBatch.of([_mug(id), denied]))


def _close(connection: Connection, id: str) -> None:
    by_hand.close(connection, [Closing(f"held-{id}", "cancelled")])


def _pay(connection: Connection, id: str) -> None:
    wish = Closing(f"held-{id}", "fulfilled", payment_reference=f"pay-{id}")
    by_hand.close(connection, [wish])


def _extend(connection: Connection, id: str) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    by_hand.extend(connection, [hold_until(f"held-{id}", later)], HOLD_SECONDS_CAP_DEFAULT)


def _adjust(connection: Connection, id: str) -> None:
    by_hand.adjust(
        connection, StockAdjustment(adjustment_id=id, sku="mug", kind="receive", quantity=1)
    )


def _load(connection: Connection, id: str) -> None:
    by_hand.load(connection, [StockRow("mug", "main", 100_000, id)])


def _mug(id: str) -> CheckoutRequest:
    lines = (Line(sku="mug", quantity=1),)
    return CheckoutRequest(checkout_id=id, lines=lines)


@pytest.mark.parametrize(
    "operation", [_reserve, _reserve_beside_a_denial, _close, _pay, _extend, _adjust, _load]
)
def test_what_is_done_on_the_first_day_looks_up_as_few_rows_beside_two_thousand_holds(
    first_day: Engine, operation: Callable[[Connection, str], None]
) -> None:
    """The connection keeps the plans that it made on the first day."""
    name = operation.__name__.strip("_")
    shop = Ledger(first_day)
    shop.load_stock([StockRow("mug", "main", 100_000)])
    shop.reserve([_mug(f"held-{name}{n}") for n in range(20)])
    with first_day.connect() as connection:
        before = _rows_read(connection, partial(operation, connection), name, range(10))
        for start in range(0, 2_000, 500):
            shop.reserve([_mug(f"{name}-{start + n}") for n in range(500)])
        after = _rows_read(connection, partial(operation, connection), name, range(10, 20))
        # Versions of a row that nobody has cleared away yet are looked at as well.
        assert after < before + 10


def _rows_read(
    connection: Connection, operation: Callable[[str], None], name: str, numbers: range
) -> int:
    """Do some operations, each in a transaction, and return how many rows the last one read."""
    for number in numbers:
        before = connection.execute(_ROWS_READ).scalar_one()
        operation(f"{name}{number}")
        rows = int(connection.execute(_ROWS_READ).scalar_one() - before)
        connection.commit()
    return rows


@pytest.mark.parametrize("name", ["FIND_OVERDUE_ON", "FIND_NEXT_EXPIRY"])
def test_a_denial_looks_at_the_holds_on_its_own_items_only(engine: Engine, name: str) -> None:
    plan = kept_plan(engine, STATEMENTS[name])
    assert "using reservation_lines_open on reservation_lines" in plan
    assert "stock_item_id = i.id" in plan


def test_an_audit_plans_freely_because_it_reads_whole_tables(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = """
        SELECT name AS subject, setting AS finding FROM pg_settings
         WHERE name = ANY(ARRAY['enable_hashjoin', 'enable_mergejoin', 'enable_seqscan',
                                'plan_cache_mode'])
           AND %(breaches_max)s > 0
    """
    monkeypatch.setattr(ledger_operations, "DRIFT_AUDITS", (("I1", settings),))
    assert [breach.finding for breach in shop.ledger.drift()] == [
        *("on", "on", "on"),
        "force_custom_plan",
    ]


def test_daily_work_makes_each_plan_once(engine: Engine) -> None:
    with engine.connect() as connection:
        for _ in range(10):
            connection.exec_driver_sql(reservations.READ_RESERVATIONS, {"checkout_ids": "{c1}"})
        (kept,) = connection.execute(_KEPT, {"statement": "%FROM holdfast.reservations AS r%"})
    assert kept.custom_plans == 0 < kept.generic_plans


def test_no_plan_is_compiled(engine: Engine) -> None:
    """Of Debian's Postgres 15 a statement of 12 ms took 3 s, most of it in its compiler."""
    with engine.connect() as connection:
        assert connection.execute(text("SHOW jit")).scalar_one() == "off"


def test_the_check_for_drift_looks_reservations_up_on_a_day_that_postgres_did_not_expect(
    first_day: Engine,
) -> None:
    """With the statistics of the first day it compared each line with each reservation."""
    ledger = Ledger(first_day)
    ledger.load_stock([StockRow("cup", "main", 5_000)])
    line = (Line(sku="cup", quantity=1),)
    for batch in range(20):
        ids = [f"cart-{batch}-{number}" for number in range(100)]
        ledger.reserve([CheckoutRequest(checkout_id=id, lines=line) for id in ids])
    plan = kept_plan(first_day, audits.RESERVED_IS_OPEN, audits.PLAN_FREELY)
    assert "reservations_pkey on reservations" in plan
    assert ledger.drift() == ()


def test_the_check_for_drift_looks_up_the_lines_of_open_holds_whatever_else_there_is(
    engine: Engine,
) -> None:
    # A long history would make any other way look cheaper; here the cheap way is ruled out.
    before = (
        f"{audits.PLAN_FREELY}; SET LOCAL enable_nestloop = off; SET LOCAL enable_seqscan = off"
    )
    plan = kept_plan(engine, audits.RESERVED_IS_OPEN, before)
    assert "reservation_lines_open" in plan
    assert "reservations_pkey on reservations" in plan
