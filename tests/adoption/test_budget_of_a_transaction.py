"""From its first row of the shop's to its end, a transaction of the ledger has one budget.

Whatever takes the time: the shop's own triggers, at the write or at the commit, or a statement of
the ledger's. No test measures any: without its bound it would last for ever, or end well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from activities.inventory.adoption.script import ROWS_AT_ONCE_MAX, WAIT_BUDGET_MS
from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.engine import open_engine, transaction
from activities.inventory.database.errors import (
    LedgerGaveWay,
    StockLoadRefused,
    TooManyShopRows,
)
from activities.inventory.records import StockLoad, StockRow
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import Held, Outcome
from tests.adoption.adopted import PATIENCE, SLOWNESS, Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.test_commands import run
from tests.inventory.databases import as_worker
from tests.inventory.functions import rewrite_function
from tests.inventory.pools import opened_pool
from tests.limits import HANG_SECONDS
from worker.stock_load import LoadResult, StockFileLoad

PRODUCTS = 6
ADD = "UPDATE products SET stock_quantity = stock_quantity + 1 WHERE sku = %s"
AT_THE_WRITE = "TRIGGER a_slow AFTER UPDATE ON products"
AT_THE_COMMIT = "CONSTRAINT TRIGGER a_slow AFTER UPDATE ON products DEFERRABLE INITIALLY DEFERRED"
ALL_OF_THEM = {f"P_{number}": 1 for number in range(1, PRODUCTS + 1)}
FOR_EVER = 3_600.0
# Six of them take longer than there is, one does not.
A_WHILE = 0.1


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    shop = open_adopted("a")
    make_products(shop, PRODUCTS)
    shop.adopt()
    return shop


def make_products(shop: Adopted, count: int) -> None:
    shop.sql.execute(
        "INSERT INTO products (name, sku, stock_quantity, created_at, updated_at) "
        f"SELECT 'P', 'P-' || i, 10, now(), now() FROM generate_series(1, {count}) AS i"
    )


def let_triggers_take(shop: Adopted, seconds: float, trigger: str = AT_THE_WRITE) -> None:
    """Give the shop a trigger that takes so long for each row that the ledger writes."""
    shop.sql.execute("CREATE SEQUENCE slow_ones")
    shop.sql.execute("GRANT ALL ON SEQUENCE slow_ones TO PUBLIC")
    shop.sql.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF session_user = 'test_worker' THEN PERFORM nextval('slow_ones'), "
        f"pg_sleep({seconds}); END IF; "
        "RETURN NULL; END $$"
    )
    shop.sql.execute(f"CREATE {trigger} FOR EACH ROW EXECUTE FUNCTION slow()")


def as_before_postgres_17(shop: Adopted) -> None:
    """Let the server bound no transaction: as it is up to Postgres 16."""
    has_it = "current_setting('transaction_timeout', true) IS NOT NULL"
    rewrite_function(shop.engine, "keep_to_budget", has_it, "false")


@pytest.fixture
def newer(shop: Adopted) -> None:
    if shop.sql.info.server_version < 170_000:
        pytest.skip("bounds on a transaction begin with Postgres 17")


def test_a_page_of_apply_that_takes_too_long_is_taken_in_by_smaller_ones(
    open_adopted: OpenAdopted,
) -> None:
    """Each row takes so long that all at once would stand in the shop's way for a second."""
    shop = open_adopted("a")
    make_products(shop, 100)
    shop.owner(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_sleep(0.01); RETURN NEW; END $$"
    )
    shop.owner(
        "CREATE TRIGGER a_slow BEFORE INSERT ON holdfast.stock_items "
        "FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    shop.adopt()
    pages = shop.owner("SELECT count(*) FROM holdfast.stock_movements GROUP BY xmin::text")
    assert sum(rows for (rows,) in pages) == 100
    assert max(rows for (rows,) in pages) <= WAIT_BUDGET_MS / 10
    assert shop.breaches() == []


@pytest.mark.parametrize("trigger", [AT_THE_WRITE, AT_THE_COMMIT])
def test_between_two_rows_the_ledger_looks_whether_its_time_is_over(shop: Adopted, trigger: str):
    let_triggers_take(shop, A_WHILE, trigger)
    as_before_postgres_17(shop)
    with pytest.raises(LedgerGaveWay, match=SLOWNESS):
        shop.reserve("c1", None, None, patience=0, **ALL_OF_THEM)
    # It did not go on to the last of them first.
    assert shop.owner("SELECT last_value FROM slow_ones")[0][0] < PRODUCTS
    assert shop.item("P-1") == (10, 0, 0)
    assert isinstance(shop.reserve("c1", P_1=1), Held)
    assert shop.breaches() == []


@pytest.mark.parametrize("trigger", [AT_THE_WRITE, AT_THE_COMMIT])
def test_without_that_look_it_goes_on_for_as_long_as_there_are_rows(shop: Adopted, trigger: str):
    """The positive control."""
    let_triggers_take(shop, A_WHILE, trigger)
    as_before_postgres_17(shop)
    for name in ("write_shop_row", "follow_shop"):
        rewrite_function(shop.engine, name, "PERFORM holdfast.keep_to_budget();", "NULL;")
    assert isinstance(shop.reserve("c1", None, None, **ALL_OF_THEM), Held)


def test_the_shops_own_transactions_have_no_budget(shop: Adopted):
    """Nor do they get the ledger's bounds, whatever they write."""
    with psycopg.connect(shop.shop_url) as own:
        own.execute("SET CONSTRAINTS ALL IMMEDIATE")
        own.execute("UPDATE products SET reserved_quantity = 11 WHERE sku = 'P-1'")
        bounds = "holdfast.gives_way_at", "lock_timeout", "statement_timeout"
        found = [
            own.execute("SELECT current_setting(%s, true)", [bound]).fetchone() for bound in bounds
        ]
    assert [row and row[0] for row in found] == [None, "0", "0"]
    assert shop.put_back() == [("P-1", "reserved_quantity", 1)]


@pytest.mark.usefixtures("newer")
@pytest.mark.parametrize("trigger", [AT_THE_WRITE, AT_THE_COMMIT])
def test_one_write_that_never_ends_is_ended_by_the_server_and_the_shop_goes_on(
    shop: Adopted, trigger: str
):
    let_triggers_take(shop, FOR_EVER, trigger)
    with ThreadPoolExecutor() as threads:
        reserve = threads.submit(shop.reserve, "c1", patience=0, P_1=1)
        until_the_ledger(shop, reserve, "wait_event = 'PgSleep' AND state = 'active'")
        shop.sql.execute(ADD, ["P-1"])
        # Where this machine came late with it, its time was over before the write.
        with pytest.raises(LedgerGaveWay, match=SLOWNESS):
            reserve.result(timeout=HANG_SECONDS)
    assert shop.item("P-1") == (11, 0, 0)
    shop.sql.execute("DROP TRIGGER a_slow ON products")
    assert isinstance(shop.reserve("c1", P_1=1), Held)


@pytest.mark.usefixtures("newer")
async def test_a_session_that_is_ended_so_takes_no_other_along(shop: Adopted):
    let_triggers_take(shop, FOR_EVER)
    request = CheckoutRequest(checkout_id="c1", lines=(Line(sku="P-1", quantity=1),))
    async with opened_pool(make_url(as_worker(shop.url))) as pool:
        taken = [await pool.take() for _ in range(3)]
        for each in taken:
            await pool.give_back(each)
        for _ in range(PATIENCE):
            with pytest.raises(LedgerGaveWay):
                await AsyncLedger(pool).reserve([request])
            if any(each.closed for each in taken):
                # It came as far as the write.
                break
        assert sum(each.closed for each in taken) == 1


@pytest.mark.usefixtures("newer")
def test_nor_does_it_in_the_pool_of_threads(shop: Adopted):
    engine = open_engine(as_worker(shop.url), connections_max=3)
    before = two_sessions(engine)
    with pytest.raises(LedgerGaveWay), transaction(engine) as connection:
        connection.exec_driver_sql(
            "SELECT set_config('transaction_timeout', '10', true), pg_sleep(3600)"
        )
    assert len(two_sessions(engine) & before) == 1
    engine.dispose()


def two_sessions(engine: Engine) -> set[int]:
    asked = "SELECT pg_backend_pid()"
    with engine.connect() as one, engine.connect() as other:
        return {each.exec_driver_sql(asked).scalar_one() for each in (one, other)}


@pytest.fixture
def ledger_by_hand(shop: Adopted) -> Iterator[psycopg.Connection]:
    with psycopg.connect(as_worker(shop.url)) as connection:
        yield connection


def test_its_next_statement_has_what_is_left(shop: Adopted, ledger_by_hand: psycopg.Connection):
    ledger_by_hand.execute("SELECT holdfast.lock_stock(ARRAY['P-1'], ARRAY['main'])")
    # Where this machine came late with it, the whole transaction's time is over first, or what
    # its client may think for.
    with pytest.raises(
        (
            psycopg.errors.QueryCanceled,
            psycopg.errors.TransactionTimeout,
            psycopg.errors.IdleInTransactionSessionTimeout,
        ),
        match=r"(statement|transaction) timeout",
    ):
        ledger_by_hand.execute("SELECT pg_sleep(%s)", [FOR_EVER])
    shop.sql.execute(ADD, ["P-1"])


# --- stock files ---------------------------------------------------------------------------------


class Silent:
    def progress(self, what: str, done: int, rows: int) -> None: ...

    def waiting(self, reason: str) -> None:
        # One row by itself may take too long on a busy machine, and is asked for again.
        if not SLOWNESS.search(reason):
            raise AssertionError(reason)


def loading(shop: Adopted) -> StockFileLoad:
    return StockFileLoad(shop.impatient, shop.ledger.clock(), Silent())


def rows_of(shop: Adopted, count: int, total: int = 20) -> list[StockRow]:
    return [StockRow(f"P-{number}", "main", total) for number in range(1, count + 1)]


def test_more_rows_than_there_is_time_for_are_refused_before_any_is_held(
    shop: Adopted, tmp_path: Path
):
    make_rest = ROWS_AT_ONCE_MAX + 1 - PRODUCTS
    shop.sql.execute(
        "INSERT INTO products (name, sku, stock_quantity, created_at, updated_at) "
        f"SELECT 'P', 'P-' || {PRODUCTS} + i, 10, now(), now() FROM generate_series(1, %s) AS i",
        [make_rest],
    )
    rows = rows_of(shop, ROWS_AT_ONCE_MAX + 1)
    with pytest.raises(TooManyShopRows, match="holds 1000 rows of an adopted shop at most"):
        shop.ledger.load_stock(rows)
    file = tmp_path / "stock.csv"
    file.write_text("sku,quantity\n" + "".join(f"{row.sku},{row.quantity}\n" for row in rows))
    told = run(shop, "stock", "load", str(file), "--force", "--all-or-nothing")
    assert told.returncode == 1
    assert told.stderr == (
        "one transaction holds 1000 rows of an adopted shop at most; "
        "load it without --all-or-nothing, or split it\nnothing was loaded\n"
    )
    assert shop.item("P-1") == (10, 0, 0)
    told = run(shop, "stock", "load", str(file), "--force")
    assert told.stdout == "1,001 rows: 0 new, 1,001 changed, 0 as they were\n"
    assert shop.item("P-1001") == (20, 0, 0)


def test_a_batch_that_takes_too_long_is_set_by_halves(shop: Adopted):
    let_triggers_take(shop, A_WHILE)
    load = loading(shop)
    load.set_beside_shoppers(load.look(rows_of(shop, PRODUCTS)))
    assert load.result == LoadResult(done=PRODUCTS, changed=PRODUCTS)
    assert shop.item("P-6") == (20, 0, 0)
    assert shop.breaches() == []


def test_by_halves_those_below_what_is_reserved_are_still_left_out(shop: Adopted):
    shop.reserve("c1", None, None, P_2=5, P_6=7)
    let_triggers_take(shop, A_WHILE)
    load = loading(shop)
    plan = load.look(rows_of(shop, PRODUCTS, 6))
    with pytest.raises(StockLoadRefused):
        load.set_at_once(plan)
    load.set_beside_shoppers(plan)
    assert load.result.refused == [(5, 6, 7)]
    assert load.result.changed == PRODUCTS - 1
    assert shop.ledger.load_stock(rows_of(shop, 1, 6)) == StockLoad(0, 0, 1)


def until_the_ledger(shop: Adopted, asked: Future[Outcome], condition: str) -> None:
    """Wait until a session of the ledger's is so, or is over before this process has seen it."""
    while not asked.done() and not shop.owner(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() "
        f"AND usename = 'test_worker' AND {condition}"
    ):
        time.sleep(0.005)
