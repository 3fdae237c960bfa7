"""A shop that has been open for years: closed reservations, open holds, all that they moved.

Written by SQL in bulk, in the ledger's own tables, so that the audit finds nothing wrong. Ids are
spread evenly over all that is possible, so a new one belongs somewhere in the middle of the index,
as random ids do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Engine, TextClause, text

from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from holdfast_client.contract.names import DEFAULT_LOCATION

Bounds = Mapping[str, str | float]
"""Which reservations a statement writes."""

ITEMS: Final = 1_000
UNITS: Final = 1_000_000
ROWS_A_STEP: Final = 200_000
_ID_SPACE: Final = 2**62

# One closed reservation in ten was cancelled, two expired, seven were paid.
_CLOSED: Final = text("""
INSERT INTO holdfast.reservations
       (checkout_id, status, customer_id, cart_id, expires_at, created_at, closed_at, actor,
        payment_reference, digest, closing)
SELECT c.checkout_id, c.status, 'customer-' || c.n % 5000,
       'cart-' || c.n, c.at + interval '15 minutes', c.at, c.at + interval '5 minutes', 'shopper',
       CASE c.status WHEN 'fulfilled' THEN 'pay-' || c.n END, decode(md5(c.n::text), 'hex'),
       nextval('holdfast.operation_sequence')
  FROM (SELECT n, lpad(to_hex(n * CAST(:stride AS bigint)), 16, '0') AS checkout_id,
               (ARRAY['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled',
                      'fulfilled', 'expired', 'expired', 'cancelled'])[n / :items % 10 + 1]
                   AS status,
               clock_timestamp() - interval '2 years' + n * interval '5 seconds' AS at
          FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n) AS c
""")
_OPEN: Final = text("""
INSERT INTO holdfast.reservations
       (checkout_id, status, customer_id, cart_id, expires_at, created_at, digest)
SELECT c.checkout_id, 'held', 'customer-' || c.n % 5000,
       'cart-' || c.n, clock_timestamp() + make_interval(secs => :seconds_left), clock_timestamp(),
       decode(md5(c.n::text), 'hex')
  FROM (SELECT n, :prefix || lpad(to_hex(n * CAST(:stride AS bigint)), 16, '0') AS checkout_id
          FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n) AS c
""")
_PAYMENTS: Final = text("""
INSERT INTO holdfast.payments (payment_reference, checkout_id, state, created_at, changed_at)
SELECT r.payment_reference, r.checkout_id, 'settled', r.closed_at, r.closed_at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
  JOIN holdfast.reservations AS r
    ON r.checkout_id = :prefix || lpad(to_hex(n * CAST(:stride AS bigint)), 16, '0')
 WHERE r.status = 'fulfilled'
""")
_LINES: Final = text("""
INSERT INTO holdfast.reservation_lines
       (reservation_id, stock_item_id, ends_at, quantity, fulfilled_quantity, released_quantity,
        taken_quantity)
SELECT r.id, n % :items + 1, r.expires_at, CASE r.status WHEN 'held' THEN 1 ELSE 0 END,
       CASE r.status WHEN 'fulfilled' THEN 1 ELSE 0 END,
       CASE WHEN r.status IN ('cancelled', 'expired') THEN 1 ELSE 0 END, 1
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
  JOIN holdfast.reservations AS r
    ON r.checkout_id = :prefix || lpad(to_hex(n * CAST(:stride AS bigint)), 16, '0')
""")
_MOVES: Final = text("""
INSERT INTO holdfast.stock_movements
       (stock_item_id, operation, reservation_id, kind, total_delta, reserved_delta, actor,
        created_at)
SELECT l.stock_item_id, CASE m.kind WHEN 'reserve' THEN r.id ELSE r.closing END, r.id, m.kind,
       CASE m.kind WHEN 'fulfil' THEN -1 ELSE 0 END,
       CASE m.kind WHEN 'reserve' THEN 1 ELSE -1 END, r.actor, coalesce(r.closed_at, r.created_at)
  FROM holdfast.reservations AS r
  JOIN holdfast.reservation_lines AS l ON l.reservation_id = r.id
 CROSS JOIN LATERAL unnest(
       CASE r.status WHEN 'held' THEN ARRAY['reserve']
                     WHEN 'fulfilled' THEN ARRAY['reserve', 'fulfil']
                     WHEN 'cancelled' THEN ARRAY['reserve', 'cancel']
                     ELSE ARRAY['reserve', 'expire'] END) AS m(kind)
 WHERE r.checkout_id BETWEEN :prefix || lpad(to_hex(:first * CAST(:stride AS bigint)), 16, '0')
                         AND :prefix || lpad(to_hex(:last * CAST(:stride AS bigint)), 16, '0')
""")
# What was sold had been received before, and what is held is reserved.
_RECEIVE_SOLD: Final = text("""
INSERT INTO holdfast.stock_movements
       (stock_item_id, operation, kind, total_delta, reserved_delta, reason, created_at)
SELECT stock_item_id, nextval('holdfast.operation_sequence'), 'receive', -sum(total_delta), 0,
       'history', clock_timestamp()
  FROM holdfast.stock_movements WHERE kind = 'fulfil' GROUP BY stock_item_id
""")
_RESERVE_HELD: Final = text("""
UPDATE holdfast.stock_items AS s
   SET reserved_quantity = reserved_quantity + held.units
  FROM (SELECT n % :items + 1 AS id, count(*) AS units
          FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n GROUP BY 1)
       AS held
 WHERE s.id = held.id
""")


def stock_shop(ledger: Ledger) -> None:
    """Load every stock item; their ids are 1 to ``ITEMS``."""
    ledger.load_stock([StockRow(sku(n), DEFAULT_LOCATION, UNITS) for n in range(1, ITEMS + 1)])


def sku(number: int) -> str:
    """Return the SKU of a stock item, by its id."""
    return f"ITEM-{number:04}"


def write_closed(engine: Engine, count: int, announce: Callable[[str], None]) -> None:
    """Write so many closed reservations with their lines and movements, into a shop without any."""
    if not count:
        return
    for first in range(1, count + 1, ROWS_A_STEP):
        last = min(first + ROWS_A_STEP - 1, count)
        bounds: Bounds = {"prefix": "", "first": first, "last": last, **_spread(count)}
        _write(engine, (_CLOSED, _PAYMENTS, _LINES, _MOVES), bounds)
        announce(f"history: {last:,} of {count:,} closed reservations")
    with engine.begin() as connection:
        connection.execute(_RECEIVE_SOLD)


def write_open(engine: Engine, prefix: str, count: int, seconds_left: float) -> None:
    """Write so many open holds, one unit each.

    Args:
        engine: of a superuser.
        prefix: of their ids, used once.
        count: 1 or more.
        seconds_left: until their deadline; below zero for overdue ones.
    """
    for first in range(1, count + 1, ROWS_A_STEP):
        last = min(first + ROWS_A_STEP - 1, count)
        bounds: Bounds = {"prefix": prefix, "first": first, "last": last, **_spread(count)}
        _write(engine, (_OPEN, _LINES, _MOVES), {**bounds, "seconds_left": seconds_left})
    with engine.begin() as connection:
        connection.execute(_RESERVE_HELD, {"items": ITEMS, "first": 1, "last": count})


def tidy(engine: Engine) -> None:
    """Do what autovacuum has done on a server that was up for long."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE)")


def _spread(count: int) -> dict[str, int]:
    return {"stride": _ID_SPACE // count, "items": ITEMS}


def _write(engine: Engine, statements: Sequence[TextClause], values: Bounds) -> None:
    with engine.begin() as connection:
        _trust(connection)
        for statement in statements:
            wanted = statement.compile().params
            connection.execute(statement, {name: values[name] for name in wanted})


def _trust(connection: Connection) -> None:
    # As a replica does: what is written in bulk here is known to fit.
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
