"""The database's own protections, and the migrations that put them there."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import Engine, exc, text

from activities.inventory import migrate, schema
from activities.inventory.engine import open_engine
from activities.inventory.errors import CONSTRAINT_MEANINGS
from activities.inventory.ledger import Ledger
from activities.inventory.migrate import differences, latest_version, upgrade
from activities.inventory.records import Closing, ClosingStatus
from tests.inventory.shop import Shop

ITEMS = "stock_items (sku, total_quantity, reserved_quantity)"
RESERVATIONS = (
    "reservations (id, checkout_id, status, expires_at, created_at, closed_at, payment_reference)"
)
MOVEMENTS = (
    "stock_movements (stock_item_id, reservation_id, kind, total_delta, reserved_delta, created_at)"
)
ADJUSTMENTS = MOVEMENTS.replace("reservation_id", "adjustment_id")
ITEM = "(SELECT id FROM holdfast.stock_items)"
HELD = "'checkout/c1'"


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """One stock item of ten, two of them held by one checkout."""
    shop.stock(MUG=10)
    shop.hold("c1", MUG=2)
    return shop


@pytest.mark.parametrize(
    ("table", "values", "constraint"),
    [
        (ITEMS, "'X', 0, -1", "stock_items_reserved_not_negative"),
        (ITEMS, "'X', 1, 2", "stock_items_reserved_within_total"),
        (ITEMS, "'', 0, 0", "stock_items_sku_length"),
        (ITEMS, "repeat('x', 101), 0, 0", "stock_items_sku_length"),
        ("stock_items (sku, location)", "'X', ''", "stock_items_location_length"),
        ("stock_items (sku, location)", "'X', repeat('x', 101)", "stock_items_location_length"),
        (ITEMS, "'MUG', 0, 0", "stock_items_sku_location_key"),
        (RESERVATIONS, f"{HELD}, 'c1', 'held', now(), now(), null, null", "reservations_pkey"),
        (RESERVATIONS, "'x', 'x', 'lost', null, now(), now(), null", "reservations_status_known"),
        (
            RESERVATIONS,
            "'x', 'x', 'held', now(), now(), now(), null",
            "reservations_held_is_not_closed",
        ),
        (
            RESERVATIONS,
            "'x', 'x', 'expired', null, now(), null, null",
            "reservations_held_is_not_closed",
        ),
        (
            RESERVATIONS,
            "'x', 'x', 'held', null, now(), null, null",
            "reservations_held_has_deadline",
        ),
        (
            RESERVATIONS,
            "'x', 'x', 'fulfilled', now(), now(), now(), null",
            "reservations_fulfilled_is_paid",
        ),
        ("reservation_lines", f"{HELD}, {ITEM}, 1", "reservation_lines_pkey"),
        ("reservation_lines", f"'x', {ITEM}, 1", "reservation_lines_reservation_id_fkey"),
        ("reservation_lines", f"{HELD}, 0, 1", "reservation_lines_stock_item_id_fkey"),
        ("reservation_lines", f"{HELD}, {ITEM}, 0", "reservation_lines_quantity_positive"),
        ("reservation_lines", f"{HELD}, {ITEM}, -1", "reservation_lines_quantity_positive"),
        (MOVEMENTS, f"0, {HELD}, 'cancel', 0, -1, now()", "stock_movements_stock_item_id_fkey"),
        (MOVEMENTS, f"{ITEM}, 'x', 'cancel', 0, -1, now()", "stock_movements_reservation_id_fkey"),
        (
            ADJUSTMENTS,
            f"{ITEM}, 'x', 'receive', 1, 0, now()",
            "stock_movements_adjustment_id_fkey",
        ),
        (
            MOVEMENTS,
            f"{ITEM}, {HELD}, 'reserve', 0, 2, now()",
            "stock_movements_once_per_reservation",
        ),
        (
            MOVEMENTS,
            f"{ITEM}, null, 'reserve', 0, 2, now()",
            "stock_movements_reservation_fits_the_kind",
        ),
        (
            MOVEMENTS,
            f"{ITEM}, {HELD}, 'receive', 1, 0, now()",
            "stock_movements_reservation_fits_the_kind",
        ),
    ],
)
def test_the_database_refuses_what_must_not_be(
    stocked: Shop, table: str, values: str, constraint: str
) -> None:
    with pytest.raises(exc.IntegrityError) as refused:
        stocked.sql(f"INSERT INTO holdfast.{table} VALUES ({values})")
    assert isinstance(refused.value.orig, psycopg.Error)
    assert refused.value.orig.diag.constraint_name == constraint


@pytest.mark.parametrize(
    ("kind", "total_delta", "reserved_delta"),
    [
        ("receive", 0, 0),
        ("receive", -1, 0),
        ("receive", 1, 1),
        ("adjust", 0, 0),
        ("adjust", 1, 1),
        ("count", 1, 1),
        ("reserve", 0, 0),
        ("reserve", 0, -1),
        ("reserve", 1, 1),
        ("fulfil", 0, 0),
        ("fulfil", 1, 1),
        ("fulfil", -2, -1),
        ("fulfil", 0, -1),
        ("cancel", 0, 0),
        ("cancel", 0, 1),
        ("cancel", -1, -1),
        ("expire", 0, 0),
        ("expire", 0, 1),
        ("expire", -1, -1),
        ("return", 1, 0),
    ],
)
def test_the_figures_of_a_movement_fit_its_kind(
    stocked: Shop, kind: str, total_delta: int, reserved_delta: int
) -> None:
    of_reservation = kind in {"reserve", "fulfil", "cancel", "expire"}
    owner = HELD if of_reservation else "null"
    with pytest.raises(exc.IntegrityError, match="stock_movements_deltas_fit_the_kind"):
        stocked.sql(
            f"INSERT INTO holdfast.{MOVEMENTS} "
            f"VALUES ({ITEM}, {owner}, '{kind}', {total_delta}, {reserved_delta}, now())"
        )


def test_a_total_below_zero_is_refused_by_itself(fragile_shop: Shop) -> None:
    """The check on reserved refuses it too, and is asked first."""
    fragile_shop.sql(
        "ALTER TABLE holdfast.stock_items DROP CONSTRAINT stock_items_reserved_within_total"
    )
    with pytest.raises(exc.IntegrityError, match="stock_items_total_not_negative"):
        fragile_shop.sql(f"INSERT INTO holdfast.{ITEMS} VALUES ('X', -1, 0)")


def test_one_hold_cannot_be_given_back_twice_in_whatever_ways(stocked: Shop) -> None:
    stocked.cancel("c1")
    with pytest.raises(exc.IntegrityError, match="stock_movements_once_per_reservation"):
        stocked.sql(
            f"INSERT INTO holdfast.{MOVEMENTS} VALUES ({ITEM}, {HELD}, 'expire', 0, -2, now())"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE holdfast.stock_movements SET total_delta = 99",
        "DELETE FROM holdfast.stock_movements",
        "TRUNCATE holdfast.stock_movements",
        "TRUNCATE holdfast.stock_items CASCADE",
        "DELETE FROM holdfast.stock_movements WHERE false",
    ],
)
def test_movements_can_only_be_added(stocked: Shop, statement: str) -> None:
    with pytest.raises(exc.IntegrityError, match=r"stock_movements is append only"):
        stocked.sql(statement)
    assert stocked.count("stock_movements") == 2


@pytest.mark.parametrize("table", ["stock_items", "reservations"])
def test_what_has_a_history_cannot_be_deleted(stocked: Shop, table: str) -> None:
    with pytest.raises(exc.IntegrityError, match="fkey"):
        stocked.sql(f"DELETE FROM holdfast.{table}")


def test_available_cannot_be_written_by_hand(stocked: Shop) -> None:
    with pytest.raises(exc.ProgrammingError, match="available_quantity"):
        stocked.sql("UPDATE holdfast.stock_items SET available_quantity = 5")


@pytest.mark.parametrize("status", ["cancelled", "fulfilled"])
def test_wrong_figures_do_not_stop_a_hold_from_ending_and_the_audit_names_them(
    stocked: Shop, status: ClosingStatus
) -> None:
    stocked.sql("UPDATE holdfast.stock_items SET reserved_quantity = 1, total_quantity = 1")
    stocked.ledger.close([Closing("c1", status, payment_reference="pay_1")])
    assert stocked.status("c1") == status
    assert {breach.invariant for breach in stocked.ledger.audit()} == {"I3"}


def test_every_constraint_that_has_a_meaning_is_in_the_schema(shop: Shop) -> None:
    rows = shop.sql(
        "SELECT conname::text FROM pg_constraint "
        "WHERE connamespace = 'holdfast'::regnamespace AND contype = 'c' "
        "UNION SELECT indexname::text FROM pg_indexes WHERE schemaname = 'holdfast'"
    )
    assert set(CONSTRAINT_MEANINGS) - {row[0] for row in rows} == set()


# --- the contract --------------------------------------------------------------------------------

TABLES = {
    "stock_items": "id sku location name active total_quantity reserved_quantity "
    "available_quantity created_at updated_at",
    "reservations": "id checkout_id status customer_id cart_id expires_at created_at closed_at "
    "reason actor payment_reference",
    "reservation_lines": "reservation_id stock_item_id quantity",
    "stock_movements": "id stock_item_id reservation_id adjustment_id kind total_delta "
    "reserved_delta reason actor created_at",
}
VIEWS = {
    "stock_availability": "sku location name active total reserved available",
    "overdue_reservations": "id checkout_id customer_id expires_at overdue_seconds units",
}


def _columns(shop: Shop, table: str) -> list[str]:
    rows = shop.sql(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = 'holdfast' AND table_name = :table ORDER BY ordinal_position",
        table=table,
    )
    return [row.column_name for row in rows]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_columns_that_the_contract_names(shop: Shop, table: str) -> None:
    assert set(TABLES[table].split()) - set(_columns(shop, table)) == set()


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_exactly_the_columns_of_the_contract_in_their_order(
    shop: Shop, view: str
) -> None:
    assert _columns(shop, view) == VIEWS[view].split()


def test_every_time_carries_its_zone(shop: Shop) -> None:
    rows = shop.sql(
        "SELECT DISTINCT data_type FROM information_schema.columns "
        "WHERE table_schema = 'holdfast' AND column_name LIKE '%\\_at'"
    )
    assert [row.data_type for row in rows] == ["timestamp with time zone"]


def test_the_views_read_a_hold_and_its_stock(stocked: Shop) -> None:
    stocked.pass_seconds(1_000)
    (availability,) = stocked.sql("SELECT * FROM holdfast.stock_availability")
    assert tuple(availability) == ("MUG", "main", "", True, 10, 2, 8)
    (overdue,) = stocked.sql("SELECT * FROM holdfast.overdue_reservations")
    assert tuple(overdue) == ("checkout/c1", "c1", None, stocked.after(-100), 100.0, 2)


@pytest.mark.parametrize(("seconds", "listed"), [(899.999999, 0), (900, 1)])
def test_a_hold_is_listed_as_overdue_from_its_deadline_on(
    stocked: Shop, seconds: float, listed: int
) -> None:
    stocked.pass_seconds(seconds)
    assert len(stocked.sql("SELECT 1 FROM holdfast.overdue_reservations")) == listed


# --- migrations ----------------------------------------------------------------------------------


@pytest.fixture
def bare(empty_database_url: str) -> Iterator[Engine]:
    # As `python -m worker migrate` opens it: a migration takes the time that it takes.
    engine = open_engine(
        empty_database_url, connections_max=2, statement_timeout_ms=0, lock_timeout_ms=0
    )
    yield engine
    engine.dispose()


def _downgrade(engine: Engine) -> None:
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")


_DESCRIPTION = text("""
SELECT format('%s %s', conname, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE connamespace = 'holdfast'::regnamespace
 UNION ALL
SELECT indexdef FROM pg_indexes WHERE schemaname = 'holdfast'
 UNION ALL
SELECT format('%s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
              a.attnotnull, (SELECT collname FROM pg_collation WHERE oid = a.attcollation),
              (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
                WHERE adrelid = a.attrelid AND adnum = a.attnum))
  FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'holdfast'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
   AND NOT a.attisdropped
 UNION ALL
SELECT format('%s %s', relname, reloptions)
  FROM pg_class WHERE relnamespace = 'holdfast'::regnamespace AND relkind = 'r'
 ORDER BY 1
""")


def _description(engine: Engine) -> list[str]:
    """Describe all constraints, indexes and columns, which autogeneration compares only in part."""
    with engine.connect() as connection:
        rows = connection.execute(_DESCRIPTION).scalars()
        return [str(row) for row in rows if "alembic_version" not in str(row)]


def test_the_migrations_lead_to_what_the_code_describes(bare: Engine) -> None:
    assert upgrade(bare) == (None, latest_version())
    assert differences(bare) == []


def test_the_migrations_and_the_models_make_the_same_constraints(bare: Engine) -> None:
    upgrade(bare)
    migrated = _description(bare)
    with bare.begin() as connection:
        connection.execute(text("DROP VIEW holdfast.stock_availability"))
        connection.execute(text("DROP VIEW holdfast.overdue_reservations"))
        schema.metadata.drop_all(connection)
        schema.metadata.create_all(connection)
    assert _description(bare) == migrated


def test_a_drift_of_the_tables_is_noticed(bare: Engine) -> None:
    upgrade(bare)
    with bare.begin() as connection:
        connection.execute(text("ALTER TABLE holdfast.stock_items ADD COLUMN colour text"))
    assert len(differences(bare)) == 1


def test_migrating_twice_changes_nothing(bare: Engine) -> None:
    upgrade(bare)
    before = _description(bare)
    assert upgrade(bare) == (latest_version(), latest_version())
    assert _description(bare) == before


def test_an_index_that_was_built_beforehand_beside_the_work_is_left_as_it_is(bare: Engine) -> None:
    """As docs/operations.md has it, for a database with very many reservations."""
    page = Path("docs/operations.md").read_text()
    (statement,) = re.findall(r"```sql\n(CREATE INDEX CONCURRENTLY .*?)```", page, re.DOTALL)
    upgrade(bare, "0001")
    with bare.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    upgrade(bare)
    assert differences(bare) == []


def test_two_migrators_at_once_take_turns(bare: Engine) -> None:
    gate = threading.Barrier(2)

    def run(_: int) -> tuple[str | None, str]:
        gate.wait(10)
        return upgrade(bare)

    with ThreadPoolExecutor(2) as migrators:
        results = list(migrators.map(run, range(2)))
    assert sorted(results, key=str) == [
        (latest_version(), latest_version()),
        (None, latest_version()),
    ]
    assert differences(bare) == []


def test_the_schema_can_be_taken_down_and_put_up_again(bare: Engine) -> None:
    upgrade(bare)
    before = _description(bare)
    _downgrade(bare)
    assert _description(bare) == []
    with bare.connect() as connection:
        left = connection.execute(
            text("SELECT proname FROM pg_proc WHERE pronamespace = 'holdfast'::regnamespace")
        )
        assert list(left) == []
    upgrade(bare)
    assert _description(bare) == before
    assert Ledger(bare).audit() == ()


def test_a_migration_that_fails_leaves_nothing_behind(
    bare: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bare.begin() as connection:
        connection.execute(text("CREATE SCHEMA holdfast"))
        connection.execute(text("CREATE TABLE holdfast.stock_movements (id int)"))
    with pytest.raises(exc.ProgrammingError, match="already exists"):
        upgrade(bare)
    with bare.begin() as connection:
        tables = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'holdfast'")
        )
        assert [row.tablename for row in tables] == ["stock_movements"]


def test_the_clock_reads_the_time_of_reading(bare: Engine) -> None:
    upgrade(bare)
    with bare.begin() as connection:
        first, second = (
            connection.execute(text("SELECT holdfast.clock()")).scalar_one() for _ in range(2)
        )
    assert first < second
