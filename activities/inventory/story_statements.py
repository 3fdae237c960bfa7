"""The SQL statements that tell what has happened, each named and explained. None locks anything."""

from __future__ import annotations

from typing import Final

from sqlalchemy import TextClause, text


def _sql(statement: str) -> TextClause:
    return text(statement)


# What a reservation's own row tells.
READ_STORY: Final = _sql("""
SELECT status, customer_id, cart_id, created_at, expires_at, closed_at, reason, actor,
       payment_reference, shortages
  FROM holdfast.reservations
 WHERE id = :id
""")

# Its lines, and how many there are in all.
READ_STORY_LINES: Final = _sql("""
SELECT s.sku, s.location, l.quantity, count(*) OVER () AS found
  FROM holdfast.reservation_lines AS l
  JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[l.stock_item_id])
 WHERE l.reservation_id = :id
 ORDER BY s.sku COLLATE "C", s.location COLLATE "C"
 LIMIT :rows_max
""")

# Its extensions, the latest first, how many there are in all, and the deadline before them.
READ_STORY_EXTENSIONS: Final = _sql("""
SELECT created_at, to_deadline, seconds, reason, actor,
       count(*) OVER () AS found, min(from_deadline) OVER () AS first_deadline
  FROM holdfast.reservation_extensions
 WHERE reservation_id = :id
 ORDER BY to_deadline DESC, created_at DESC, extension_id DESC
 LIMIT :rows_max
""")

# Its movements, the earliest first, and how many there are in all.
READ_STORY_MOVEMENTS: Final = _sql("""
SELECT m.created_at, m.kind, s.sku, s.location, m.total_delta, m.reserved_delta,
       count(*) OVER () AS found
  FROM (SELECT * FROM holdfast.stock_movements WHERE reservation_id = :id OFFSET 0) AS m
  JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[m.stock_item_id])
 ORDER BY m.id
 LIMIT :rows_max
""")

# One stock item as it stands.
READ_STOCK_ITEM: Final = _sql("""
SELECT id, name, active, total_quantity, reserved_quantity, created_at
  FROM holdfast.stock_items
 WHERE sku = :sku AND location = :location
""")

# Where a SKU is.
READ_LOCATIONS: Final = _sql("""
SELECT location
  FROM holdfast.stock_items
 WHERE sku = :sku
 ORDER BY location COLLATE "C"
 LIMIT :rows_max
""")

# The movements of a stock item in a time, the latest first, with the checkout or adjustment
# that each belongs to.
READ_ITEM_MOVEMENTS: Final = _sql("""
SELECT m.id, m.created_at, m.kind, m.total_delta, m.reserved_delta, m.actor, m.reason,
       coalesce(m.reservation_id, 'stock/' || m.adjustment_id, '') AS source_id
  FROM holdfast.stock_movements AS m
 WHERE m.stock_item_id = :item_id
   AND (CAST(:before_id AS bigint) IS NULL OR m.id < :before_id)
   AND (CAST(:since AS timestamptz) IS NULL OR m.created_at >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR m.created_at < :until)
 ORDER BY m.id DESC
 LIMIT :rows_max
""")

# The figures of a stock item by its movements before one of them.
SUM_MOVEMENTS_BEFORE: Final = _sql("""
SELECT coalesce(sum(total_delta), 0)::bigint AS total,
       coalesce(sum(reserved_delta), 0)::bigint AS reserved
  FROM holdfast.stock_movements
 WHERE stock_item_id = :item_id AND id < :before_id
""")

# The figures of a stock item by its movements up to a moment, that moment included.
SUM_MOVEMENTS_UNTIL: Final = _sql("""
SELECT coalesce(sum(total_delta), 0)::bigint AS total,
       coalesce(sum(reserved_delta), 0)::bigint AS reserved
  FROM holdfast.stock_movements
 WHERE stock_item_id = :item_id AND created_at <= :at
""")

# What was asked for and denied, by day in UTC, stock item and reason. A checkout is denied once,
# and names a stock item once. Only denials have shortages, which is what the index goes by.
READ_DENIED_DEMAND: Final = _sql("""
SELECT (r.created_at AT TIME ZONE 'UTC')::date AS day, s.sku, s.location, s.reason,
       count(*) AS checkouts,
       count(DISTINCT r.customer_id) AS customers,
       sum(s.requested)::bigint AS requested,
       max(s.requested) AS largest_request,
       min(s.available) AS least_available
  FROM holdfast.reservations AS r
 CROSS JOIN LATERAL jsonb_to_recordset(r.shortages)
       AS s(sku text, location text, requested bigint, available bigint, reason text)
 WHERE r.shortages IS NOT NULL
   AND r.created_at >= :since
   AND r.created_at < :until
   AND (CAST(:sku AS text) IS NULL OR s.sku = :sku)
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, requested DESC, s.sku COLLATE "C", s.location COLLATE "C", s.reason
 LIMIT :rows_max
""")
