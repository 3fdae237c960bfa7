"""Movements of a stock item, and the figures that follow from them."""

from __future__ import annotations

from typing import Final

# The movements of a stock item in a time, the latest first, with the workflow of the checkout or
# adjustment that each belongs to.
READ_ITEM_MOVEMENTS: Final = """
SELECT m.id, m.created_at, m.kind, m.total_delta, m.reserved_delta, m.actor, m.reason,
       CASE WHEN m.reservation_id IS NOT NULL
            THEN (SELECT 'checkout/' || checkout_id FROM holdfast.reservations
                   WHERE id = m.reservation_id)
            ELSE (SELECT CASE WHEN kind <> 'load' THEN 'stock/' || operation_id ELSE '' END
                    FROM holdfast.operation_records WHERE sequence = m.operation)
       END AS source_id
  FROM holdfast.stock_movements AS m
 WHERE m.stock_item_id = %(item_id)s
   AND m.id < coalesce(%(before_id)s::bigint, 9223372036854775807)
   AND (%(since)s::timestamptz IS NULL OR m.created_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR m.created_at < %(until)s)
 ORDER BY m.id DESC
 LIMIT %(rows_max)s
"""

# The figures of a stock item by its movements before one of them.
SUM_MOVEMENTS_BEFORE: Final = """
SELECT coalesce(sum(total_delta), 0)::bigint AS total,
       coalesce(sum(reserved_delta), 0)::bigint AS reserved
  FROM holdfast.stock_movements
 WHERE stock_item_id = %(item_id)s AND id < %(before_id)s
"""

# The figures of a stock item by its movements up to a moment, that moment included.
SUM_MOVEMENTS_UNTIL: Final = """
SELECT coalesce(sum(total_delta), 0)::bigint AS total,
       coalesce(sum(reserved_delta), 0)::bigint AS reserved
  FROM holdfast.stock_movements
 WHERE stock_item_id = %(item_id)s AND created_at <= %(at)s
"""

# What moved the totals of stock items after a moment, stock files apart: units sold, the change in
# all but for counts, whether there was a count, and when the first of it was. Items that did not
# move are left out. An item's
# movements are in the order of time, but for a clock that was turned back by less than the margin:
# they are read backwards until one is older than that.
READ_MOVED_SINCE: Final = """
SELECT i.id, m.sold, m.moved, m.is_counted, m.first_at
  FROM unnest(%(item_ids)s::bigint[]) AS i(id),
       LATERAL (SELECT coalesce((SELECT id FROM holdfast.stock_movements
                                  WHERE stock_item_id = i.id
                                    AND created_at < %(as_of)s::timestamptz
                                                     - make_interval(secs => %(margin_seconds)s)
                                  ORDER BY id DESC
                                  LIMIT 1), 0) AS id OFFSET 0) AS older,
       LATERAL (SELECT coalesce(sum(-total_delta) FILTER (WHERE kind = 'fulfil'), 0)::bigint
                           AS sold,
                       coalesce(sum(total_delta) FILTER (WHERE kind <> 'count'), 0)::bigint
                           AS moved,
                       bool_or(kind = 'count') AS is_counted, min(created_at) AS first_at
                  FROM holdfast.stock_movements AS s
                 WHERE s.stock_item_id = i.id
                   AND s.id > older.id
                   AND s.created_at > %(as_of)s
                   AND (s.total_delta <> 0 OR s.kind = 'count')
                   AND NOT EXISTS (SELECT FROM holdfast.operation_records AS o
                                    WHERE o.sequence = s.operation AND o.kind = 'load'
                                   OFFSET 0)) AS m
 WHERE m.is_counted IS NOT NULL
"""
