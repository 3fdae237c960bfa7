"""The database's own protections, and the tables and views that the contract names."""

from __future__ import annotations

import re
from unicodedata import normalize

import psycopg
import pytest
from sqlalchemy import exc

from activities.inventory.database.errors import CONSTRAINT_MEANINGS, LedgerCorrupt
from activities.inventory.records import Closing, ClosingStatus, StockRow
from holdfast_client.contract.characters import REFUSED_IN_IDS
from tests.inventory.shop import Shop

ITEMS = "stock_items (sku, total_quantity, reserved_quantity)"
RESERVATIONS = (
    "reservations (checkout_id, status, expires_at, created_at, closed_at, payment_reference)"
)
LINES = (
    "reservation_lines (reservation_id, stock_item_id, quantity, fulfilled_quantity, "
    "released_quantity, taken_quantity, returned_quantity)"
)
MOVEMENTS = (
    "stock_movements (stock_item_id, operation, reservation_id, kind, total_delta, "
    "reserved_delta, created_at)"
)
ITEM = "(SELECT id FROM holdfast.stock_items)"
HELD = "(SELECT id FROM holdfast.reservations WHERE checkout_id = 'c1')"


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
        ("stock_items (sku, safety_quantity)", "'X', -1", "stock_items_safety_not_negative"),
        (
            RESERVATIONS,
            "'c1', 'held', now(), now(), null, null",
            "reservations_checkout_id_attempt_key",
        ),
        (RESERVATIONS, "'x', 'lost', null, now(), now(), null", "reservations_status_known"),
        (
            RESERVATIONS,
            "'x', 'held', now(), now(), now(), null",
            "reservations_open_is_not_closed",
        ),
        (
            RESERVATIONS,
            "'x', 'expired', null, now(), null, null",
            "reservations_open_is_not_closed",
        ),
        (
            RESERVATIONS,
            "'x', 'committed', null, now(), now(), 'pay'",
            "reservations_open_is_not_closed",
        ),
        (RESERVATIONS, "'x', 'held', null, now(), null, null", "reservations_held_has_deadline"),
        (
            RESERVATIONS,
            "'x', 'fulfilled', now(), now(), now(), null",
            "reservations_paid_has_payment",
        ),
        (
            RESERVATIONS,
            "'x', 'committed', now(), now(), null, null",
            "reservations_paid_has_payment",
        ),
        (
            RESERVATIONS,
            "'x', 'committed', now(), now(), null, 'pay'",
            "reservations_when_committed",
        ),
        (LINES, f"{HELD}, {ITEM}, 1, 0, 0, 1, 0", "reservation_lines_pkey"),
        (LINES, f"0, {ITEM}, 1, 0, 0, 1, 0", "reservation_lines_reservation_id_fkey"),
        (LINES, f"{HELD}, 0, 1, 1, 1, 2, 0", "reservation_lines_quantities_add_up"),
        (LINES, f"{HELD}, 0, -1, 1, 0, 0, 0", "reservation_lines_quantities_not_negative"),
        (LINES, f"{HELD}, 0, 1, -1, 0, 0, 0", "reservation_lines_quantities_not_negative"),
        (LINES, f"{HELD}, 0, 1, 0, -1, 0, 0", "reservation_lines_quantities_not_negative"),
        (LINES, f"{HELD}, 0, 0, 1, 0, 1, 2", "reservation_lines_returned_within_fulfilled"),
        (MOVEMENTS, f"0, 1, {HELD}, 'cancel', 0, -1, now()", "stock_movements_stock_item_id_fkey"),
        (
            MOVEMENTS,
            f"{ITEM}, {HELD}, {HELD}, 'reserve', 0, 2, now()",
            "stock_movements_once_per_operation",
        ),
        (
            MOVEMENTS,
            f"{ITEM}, 0, null, 'reserve', 0, 2, now()",
            "stock_movements_reservation_fits_the_kind",
        ),
        (
            MOVEMENTS,
            f"{ITEM}, 0, {HELD}, 'receive', 1, 0, now()",
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
            f"VALUES ({ITEM}, 0, {owner}, '{kind}', {total_delta}, {reserved_delta}, now())"
        )


def test_a_total_below_zero_is_refused_by_itself(fragile_shop: Shop) -> None:
    """The check on reserved refuses it too, and is asked first."""
    fragile_shop.sql(
        "ALTER TABLE holdfast.stock_items DROP CONSTRAINT stock_items_reserved_within_total"
    )
    with pytest.raises(exc.IntegrityError, match="stock_items_total_not_negative"):
        fragile_shop.sql(f"INSERT INTO holdfast.{ITEMS} VALUES ('X', -1, 0)")


@pytest.mark.parametrize("kind", ["cancel", "expire", "release"])
def test_one_hold_cannot_be_given_back_twice_in_whatever_ways(stocked: Shop, kind: str) -> None:
    stocked.cancel("c1")
    with pytest.raises(exc.IntegrityError, match="reservation_lines_quantities_not_negative"):
        stocked.sql(
            "SELECT holdfast.post_movements(ARRAY[0], ARRAY[r.id], ARRAY[l.stock_item_id], "
            f"ARRAY['{kind}'], ARRAY[0], ARRAY[-2], NULL, NULL) FROM holdfast.reservations AS r "
            "JOIN holdfast.reservation_lines AS l ON l.reservation_id = r.id"
        )
    assert stocked.figures("MUG").reserved == 0


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


@pytest.mark.parametrize(("sku", "location"), [("TA\u0308SSE", "main"), ("MUG", "su\u0308d")])
def test_no_hand_makes_a_stock_item_that_only_looks_like_another(
    stocked: Shop, sku: str, location: str
) -> None:
    insert = "INSERT INTO holdfast.stock_items (sku, location) VALUES (:sku, :location)"
    composed = {"sku": normalize("NFC", sku), "location": normalize("NFC", location)}
    stocked.sql(insert, **composed)
    with pytest.raises(exc.IntegrityError, match="stock_items_key_is_composed"):
        stocked.sql(insert, sku=sku, location=location)
    with pytest.raises(LedgerCorrupt, match="would have decomposed letters"):
        stocked.ledger.load_stock([StockRow(sku, location, 1)])


def test_what_the_ledger_takes_as_an_id_is_what_messages_take(shop: Shop) -> None:
    rows = shop.sql(
        "SELECT n FROM generate_series(1, 1114111) AS n WHERE n NOT BETWEEN 55296 AND 57343 "
        "AND NOT holdfast.is_id('a' || chr(n) || 'b')"
    )
    refused = re.compile(REFUSED_IN_IDS)
    assert {row[0] for row in rows} == {n for n in range(1, 0x110000) if refused.match(chr(n))}


@pytest.mark.parametrize("ends", [" {}", "{} ", "\u200b{}", "{}\u00a0"])
@pytest.mark.parametrize("column", ["sku", "location"])
def test_no_hand_makes_a_stock_item_that_no_message_can_name(
    stocked: Shop, ends: str, column: str
) -> None:
    key = {"sku": "MUG", "location": "attic"} | {column: ends.format("MUG")}
    with pytest.raises(exc.IntegrityError, match="stock_items_key_is_seen"):
        stocked.sql(
            "INSERT INTO holdfast.stock_items (sku, location) VALUES (:sku, :location)", **key
        )


@pytest.mark.parametrize("status", ["cancelled", "fulfilled"])
def test_wrong_figures_do_not_stop_a_hold_from_ending_and_the_audit_names_them(
    stocked: Shop, status: ClosingStatus
) -> None:
    stocked.sql("UPDATE holdfast.stock_items SET reserved_quantity = 1, total_quantity = 1")
    payment = "pay_1" if status == "fulfilled" else None
    stocked.ledger.close([Closing("c1", status, payment_reference=payment)])
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
    "safety_quantity available_quantity for_sale_quantity revision created_at updated_at",
    "reservations": "id checkout_id attempt status customer_id cart_id expires_at paying_until "
    "ends_at created_at closed_at reason actor payment_reference revision",
    "reservation_lines": "reservation_id stock_item_id quantity fulfilled_quantity "
    "released_quantity taken_quantity returned_quantity",
    "stock_movements": "id stock_item_id operation reservation_id kind total_delta "
    "reserved_delta reason actor created_at",
}
VIEWS = {
    "stock_availability": "sku location name active total reserved available for_sale",
    "overdue_reservations": "id checkout_id customer_id expires_at overdue_seconds units ends_at",
    "operations": "sequence operation_id reservation_id kind digest answer reason actor created_at",
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
    assert tuple(availability) == ("MUG", "main", "", True, 10, 2, 8, 8)
    (overdue,) = stocked.sql("SELECT * FROM holdfast.overdue_reservations")
    deadline = stocked.after(-100)
    assert tuple(overdue)[1:] == ("c1", None, deadline, 100.0, 2, deadline)


@pytest.mark.parametrize(("seconds", "listed"), [(899.999999, 0), (900, 1)])
def test_a_hold_is_listed_as_overdue_from_its_deadline_on(
    stocked: Shop, seconds: float, listed: int
) -> None:
    stocked.pass_seconds(seconds)
    assert len(stocked.sql("SELECT 1 FROM holdfast.overdue_reservations")) == listed
