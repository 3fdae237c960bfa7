"""The open lines of holds by stock item and deadline: whatever is done, they are what is held."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from tests.inventory.databases import as_worker
from tests.inventory.shop import Shop

OPEN = (
    "SELECT stock_item_id, ends_at, reservation_id FROM holdfast.reservation_lines "
    "WHERE quantity > 0 ORDER BY 1, 2, 3"
)
HELD = """
SELECT l.stock_item_id, r.expires_at, r.id
  FROM holdfast.reservations AS r
  JOIN holdfast.reservation_lines AS l ON l.reservation_id = r.id
 WHERE r.status = 'held'
 ORDER BY 1, 2, 3
"""


def _open(shop: Shop) -> int:
    lines = shop.sql(OPEN)
    assert lines == shop.sql(HELD)
    return len(lines)


def test_open_lines_are_those_of_held_reservations_whatever_ends_or_moves_them(
    shop: Shop,
) -> None:
    shop.stock(MUG=20, CUP=20)
    for checkout_id in ("paid", "dropped", "abandoned", "swept", "extended"):
        shop.hold(checkout_id, hold_seconds=60, MUG=1, CUP=2)
    shop.denial("denied", MUG=99)
    assert _open(shop) == 10
    shop.fulfil("paid")
    shop.cancel("dropped")
    assert _open(shop) == 6
    shop.extend("extended", shop.after(600))
    assert _open(shop) == 6
    shop.pass_seconds(60)
    shop.expire("abandoned")
    shop.expire("extended")
    assert _open(shop) == 4
    shop.pass_seconds(1)
    shop.ledger.expire_overdue(0)
    assert _open(shop) == 2


@pytest.mark.parametrize(
    ("ending", "quantities"),
    [("fulfil", (0, 3, 0, 3)), ("cancel", (0, 0, 3, 3)), ("expire", (0, 0, 3, 3))],
)
def test_a_line_tells_what_became_of_its_units(
    shop: Shop, ending: str, quantities: tuple[int, ...]
) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", hold_seconds=60, MUG=3)
    shop.pass_seconds(60)
    getattr(shop, ending)("c1")
    (line,) = shop.sql(
        "SELECT quantity, fulfilled_quantity, released_quantity, taken_quantity "
        "FROM holdfast.reservation_lines"
    )
    assert tuple(line) == quantities


WRITES = [
    "UPDATE holdfast.stock_items SET reserved_quantity = 0",
    "UPDATE holdfast.stock_items SET total_quantity = 99, safety_quantity = 0",
    "INSERT INTO holdfast.stock_items (sku) VALUES ('X')",
    (
        "INSERT INTO holdfast.stock_movements (stock_item_id, operation, kind, total_delta, "
        "reserved_delta, created_at) VALUES (1, 1, 'receive', 1, 0, now())"
    ),
    "UPDATE holdfast.reservation_lines SET quantity = 0",
    "UPDATE holdfast.reservations SET status = 'cancelled', closed_at = now()",
    (
        "INSERT INTO holdfast.reservations (checkout_id, status, created_at, closed_at) "
        "VALUES ('x', 'denied', now(), now())"
    ),
    (
        "INSERT INTO holdfast.operation_records (operation_id, kind, created_at) "
        "VALUES ('x', 'load', now())"
    ),
    "DELETE FROM holdfast.reservation_lines",
    "DELETE FROM holdfast.reservations",
    "TRUNCATE holdfast.stock_items CASCADE",
]


@pytest.mark.parametrize("statement", WRITES)
def test_a_worker_writes_nothing_but_by_the_functions(database_url: str, statement: str) -> None:
    with (
        psycopg.connect(as_worker(database_url)) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement)
