"""Open holds, listed. None locks anything.

Nothing that is over is read: holds are found by their deadline, or by stock item and deadline.
"""

from __future__ import annotations

from typing import Final

_HOLDS: Final = """
  FROM holdfast.reservations AS r
 WHERE r.ends_at IS NOT NULL
   AND (r.ends_at, r.id) > (%(after_at)s::timestamptz, %(after_id)s::bigint)
   AND r.ends_at <= coalesce(%(ends_before)s::timestamptz, 'infinity')
   AND (%(customer_id)s::text IS NULL OR r.customer_id = %(customer_id)s)
"""
# A SKU may be at several locations, and one hold on several of its stock items.
_HOLDS_OF_SKU: Final = """
  FROM (SELECT DISTINCT o.ends_at, o.reservation_id
          FROM holdfast.stock_items AS s,
               LATERAL (SELECT ends_at, reservation_id
                          FROM holdfast.reservation_lines
                         WHERE stock_item_id = s.id
                           AND quantity > 0
                           AND (ends_at, reservation_id)
                               > (%(after_at)s::timestamptz, %(after_id)s::bigint)
                           AND ends_at
                               <= coalesce(%(ends_before)s::timestamptz, 'infinity')
                        OFFSET 0) AS o
         WHERE s.sku = %(sku)s
         ORDER BY o.ends_at, o.reservation_id) AS o,
       LATERAL (SELECT id, checkout_id, customer_id, cart_id, created_at, expires_at,
                       paying_until, ends_at, committed_at, payment_reference
                  FROM holdfast.reservations
                 WHERE id = o.reservation_id
                OFFSET 0) AS r
 WHERE (%(customer_id)s::text IS NULL OR r.customer_id = %(customer_id)s)
"""
# What is paid and still on the shelf.
_COMMITTED: Final = """
  FROM holdfast.reservations AS r
 WHERE r.status = 'committed'
   AND (r.committed_at, r.id) > (%(after_at)s::timestamptz, %(after_id)s::bigint)
   AND r.committed_at <= coalesce(%(committed_before)s::timestamptz, 'infinity')
   AND (%(customer_id)s::text IS NULL OR r.customer_id = %(customer_id)s)
   AND (%(sku)s::text IS NULL
        OR EXISTS (SELECT FROM holdfast.reservation_lines AS l
                     JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[l.stock_item_id])
                    WHERE l.reservation_id = r.id AND l.quantity > 0 AND s.sku = %(sku)s))
"""
_COLUMNS: Final = """
SELECT r.id, r.checkout_id, r.customer_id, r.cart_id, r.created_at, r.expires_at, r.paying_until,
       r.ends_at, r.committed_at, r.payment_reference
"""

# The open holds that end first.
READ_HOLDS: Final = f"""
{_COLUMNS}
{_HOLDS}
 ORDER BY r.ends_at, r.id
 LIMIT %(rows_max)s
"""

COUNT_HOLDS: Final = f"SELECT count(*) {_HOLDS}"

# The open holds on one SKU that end first.
READ_HOLDS_OF_SKU: Final = f"""
{_COLUMNS}
{_HOLDS_OF_SKU}
 ORDER BY o.ends_at, o.reservation_id
 LIMIT %(rows_max)s
"""

COUNT_HOLDS_OF_SKU: Final = f"SELECT count(*) {_HOLDS_OF_SKU}"

# What is to be packed, those that were paid first.
READ_COMMITTED: Final = f"""
{_COLUMNS}
{_COMMITTED}
 ORDER BY r.committed_at, r.id
 LIMIT %(rows_max)s
"""

COUNT_COMMITTED: Final = f"SELECT count(*) {_COMMITTED}"

# What each of these reservations holds, of one SKU or of all: units, how many lines, the first few.
READ_HELD_LINES: Final = """
SELECT h.id, held.units, held.found, held.lines
  FROM unnest(%(ids)s::bigint[]) AS h(id),
       LATERAL (SELECT sum(l.quantity)::bigint AS units, count(*) AS found,
                       jsonb_path_query_array(
                           jsonb_agg(jsonb_build_object(
                               'sku', s.sku, 'location', s.location, 'quantity', l.quantity)
                               ORDER BY s.sku COLLATE "C", s.location COLLATE "C"),
                           format('$[0 to %%s]', %(last_line)s::integer)::jsonpath)
                           AS lines
                  -- By the reservation, also where statistics of before make the index of all open
                  -- lines look the smaller one.
                  FROM (SELECT stock_item_id, quantity
                          FROM holdfast.reservation_lines
                         WHERE reservation_id = h.id
                        OFFSET 0) AS l
                  JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[l.stock_item_id])
                 WHERE l.quantity > 0
                   AND (%(sku)s::text IS NULL OR s.sku = %(sku)s)) AS held
"""

# What these reservations give back at their deadlines, added up for each stock item, and how many
# such rows there are in all.
READ_COMING_FREE: Final = """
SELECT f.sku, f.location, f.at, f.units, f.units_by_then, count(*) OVER () AS found
  FROM (SELECT s.sku, s.location, h.expires_at AS at, sum(l.quantity)::bigint AS units,
               (sum(sum(l.quantity)) OVER (PARTITION BY s.id ORDER BY h.expires_at))::bigint
                   AS units_by_then
          FROM unnest(%(ids)s::bigint[], %(deadlines)s::timestamptz[])
               AS h(id, expires_at),
               LATERAL (SELECT stock_item_id, quantity
                          FROM holdfast.reservation_lines
                         WHERE reservation_id = h.id
                        OFFSET 0) AS l
          JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[l.stock_item_id])
         WHERE %(sku)s::text IS NULL OR s.sku = %(sku)s
         GROUP BY s.id, h.expires_at) AS f
 ORDER BY f.at, f.sku COLLATE "C", f.location COLLATE "C"
 LIMIT %(rows_max)s
"""
