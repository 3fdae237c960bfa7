"""The lines of open holds by stock item and deadline: whatever is done, they are what is held."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Engine, text

from activities.inventory.engine import open_engine
from activities.inventory.migrate import upgrade
from tests.inventory.databases import as_worker
from tests.inventory.shop import Shop

LISTED = (
    "SELECT stock_item_id, expires_at, reservation_id FROM holdfast.open_lines ORDER BY 1, 2, 3"
)
HELD = """
SELECT l.stock_item_id, r.expires_at, r.id
  FROM holdfast.reservations AS r
  JOIN holdfast.reservation_lines AS l ON l.reservation_id = r.id
 WHERE r.status = 'held'
 ORDER BY 1, 2, 3
"""


def _listed(shop: Shop) -> int:
    listed = shop.sql(LISTED)
    assert listed == shop.sql(HELD)
    return len(listed)


def test_open_lines_are_those_of_held_reservations_whatever_ends_or_moves_them(
    shop: Shop,
) -> None:
    shop.stock(MUG=20, CUP=20)
    for checkout_id in ("paid", "dropped", "abandoned", "swept", "extended", "by-hand"):
        shop.hold(checkout_id, hold_seconds=60, MUG=1, CUP=2)
    shop.denial("denied", MUG=99)
    assert _listed(shop) == 12
    shop.fulfil("paid")
    shop.cancel("dropped")
    assert _listed(shop) == 8
    shop.extend("extended", shop.after(600))
    assert _listed(shop) == 8
    shop.pass_seconds(60)
    shop.expire("abandoned")
    shop.expire("extended")
    assert _listed(shop) == 6
    shop.sql(
        "UPDATE holdfast.reservations SET status = 'expired', closed_at = now() "
        "WHERE checkout_id = 'by-hand'"
    )
    assert _listed(shop) == 4
    shop.pass_seconds(1)
    shop.ledger.expire_overdue(0)
    assert _listed(shop) == 2


def test_what_was_held_before_the_migration_is_listed_by_it(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url, connections_max=1)
    upgrade(engine, "0001")
    _write_two_reservations(engine)
    upgrade(engine)
    with engine.connect() as connection:
        assert [row.reservation_id for row in connection.execute(text(LISTED))] == ["checkout/open"]
    engine.dispose()


def _write_two_reservations(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO holdfast.stock_items (sku) VALUES ('MUG')"))
        connection.execute(
            text(
                "INSERT INTO holdfast.reservations "
                "(id, checkout_id, status, expires_at, created_at, closed_at) VALUES "
                "('checkout/open', 'open', 'held', now(), now(), NULL), "
                "('checkout/over', 'over', 'expired', now(), now(), now())"
            )
        )
        connection.execute(
            text(
                "INSERT INTO holdfast.reservation_lines (reservation_id, stock_item_id, quantity) "
                "VALUES ('checkout/open', 1, 1), ('checkout/over', 1, 1)"
            )
        )


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM holdfast.open_lines",
        "UPDATE holdfast.open_lines SET expires_at = now()",
        "INSERT INTO holdfast.open_lines VALUES (1, now(), 'checkout/c1')",
    ],
)
def test_a_worker_may_not_write_what_the_database_lists_by_itself(
    database_url: str, statement: str
) -> None:
    with (
        psycopg.connect(as_worker(database_url)) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement)
