"""Stock items: locked, created, named, moved and read."""

from __future__ import annotations

from typing import Final

# Wait for, and hold, the stock items of these SKUs and locations.
LOCK_STOCK: Final = """
SELECT id, sku, location, name, active, total_quantity, reserved_quantity, for_sale_quantity, at
  FROM holdfast.lock_stock(%(skus)s::text[], %(locations)s::text[])
"""

# Where the stock items of these SKUs and locations stand, without a lock. Unknown ones are not
# among them.
READ_STANDINGS: Final = """
SELECT s.id, w.sku, w.location, s.name, s.total_quantity, s.reserved_quantity
  FROM unnest(%(skus)s::text[], %(locations)s::text[]) AS w(sku, location),
       LATERAL (SELECT id, name, total_quantity, reserved_quantity
                  FROM holdfast.stock_items
                 WHERE sku = w.sku AND location = w.location
                OFFSET 0) AS s
"""

# New stock items with no stock yet; those that exist stay as they are.
CREATE_STOCK_ITEMS: Final = """
SELECT holdfast.create_stock_items(%(skus)s::text[], %(locations)s::text[])
"""

NAME_STOCK_ITEMS: Final = """
SELECT holdfast.name_stock_items(%(item_ids)s::bigint[], %(names)s::text[])
"""

# The shop's column that says whether new holds may take from a stock item; null where none does.
READ_SALE_KEPT_IN: Final = "SELECT holdfast.sale_kept_in(%(item_id)s)"

# Follow the words of an adopted shop's rows that wait; whether to look again.
FOLLOW_LATE_WORDS: Final = "SELECT holdfast.follow_late_words(NULL, NULL)"

# How much the code of an adopted shop has reserved, past the ledger, at one location or at all.
SHOP_RESERVED: Final = """
SELECT coalesce(sum(shop_reserved), 0)::bigint
  FROM holdfast.stock_items
 WHERE sku = %(sku)s
   AND (%(location)s::text IS NULL OR location = %(location)s)
"""

# The holds on a stock item that end first, and behind them what is committed: it has no deadline.
READ_HOLDERS: Final = """
SELECT r.checkout_id, l.quantity, l.ends_at AS expires_at
  FROM (SELECT ends_at, reservation_id, quantity
          FROM holdfast.reservation_lines
         WHERE stock_item_id = %(item_id)s
           AND quantity > 0
         ORDER BY ends_at
         LIMIT %(rows_max)s) AS l,
       LATERAL (SELECT checkout_id
                  FROM holdfast.reservations
                 WHERE id = l.reservation_id
                OFFSET 0) AS r
 ORDER BY l.ends_at, r.checkout_id COLLATE "C"
"""

# Change totals, or what is for sale, with a movement for each item, as one operation.
MOVE_TOTALS: Final = """
SELECT holdfast.move_totals(
       %(operation)s, %(item_ids)s::bigint[], %(kinds)s::text[], %(deltas)s::bigint[],
       %(reason)s, %(actor)s)
"""

# Availability of some SKUs, at every location that has them.
READ_AVAILABILITY: Final = """
SELECT sku, location, name, active, total, reserved, available
  FROM holdfast.stock_availability
 WHERE sku = ANY(%(skus)s::text[])
 ORDER BY sku COLLATE "C", location COLLATE "C"
"""

# Active stock items of which new holds may take so many units, page by page.
READ_STOCK_BETWEEN: Final = """
SELECT sku, location, name, active, total, reserved, available
  FROM holdfast.stock_availability
 WHERE active
   AND for_sale >= %(for_sale_min)s
   AND for_sale <= %(for_sale_max)s
   AND (sku COLLATE "C", location COLLATE "C") > (%(after_sku)s, %(after_location)s)
 ORDER BY sku COLLATE "C", location COLLATE "C"
 LIMIT %(page_size)s
"""

# How much is reserved in all. Reads each stock item once, as the check of I1 does.
READ_UNITS_HELD: Final = """
SELECT coalesce(sum(reserved_quantity), 0)::bigint FROM holdfast.stock_items
"""

# One stock item as it stands.
READ_STOCK_ITEM: Final = """
SELECT id, name, active, total_quantity, reserved_quantity, created_at
  FROM holdfast.stock_items
 WHERE sku = %(sku)s AND location = %(location)s
"""

# Where a SKU is.
READ_LOCATIONS: Final = """
SELECT location
  FROM holdfast.stock_items
 WHERE sku = %(sku)s
 ORDER BY location COLLATE "C"
 LIMIT %(rows_max)s
"""
