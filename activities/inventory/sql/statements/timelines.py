"""What has become of a checkout. None locks anything."""

from __future__ import annotations

from typing import Final

# What the row of a checkout's last attempt tells.
READ_CHECKOUT: Final = """
SELECT id, attempt, status, customer_id, cart_id, created_at, expires_at, paying_until,
       committed_at, committed_by, closed_at, reason, actor, payment_reference, shortages
  FROM holdfast.reservations
 WHERE checkout_id = %(checkout_id)s
 ORDER BY attempt DESC
 LIMIT 1
"""

# The attempts before the last, which have expired.
READ_EARLIER: Final = """
SELECT id, created_at, expires_at, closed_at, status, actor, reason
  FROM holdfast.reservations
 WHERE checkout_id = %(checkout_id)s AND attempt < %(attempt)s
 ORDER BY attempt
"""

# Its lines as they were taken, and how many there are in all.
READ_LINES: Final = """
SELECT s.sku, s.location, l.taken_quantity AS quantity, count(*) OVER () AS found
  FROM holdfast.reservation_lines AS l
  JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[l.stock_item_id])
 WHERE l.reservation_id = %(id)s
 ORDER BY s.sku COLLATE "C", s.location COLLATE "C"
 LIMIT %(rows_max)s
"""

# The extensions, amendments, shipments and releases that were made of all its attempts, the latest
# first, how many there are in all, and the deadline before those of its attempt.
READ_CHANGES: Final = """
SELECT created_at, kind, operation_id, (answer ->> 'to_deadline')::timestamptz AS to_deadline,
       (answer ->> 'seconds')::integer AS seconds, (answer ->> 'units')::bigint AS units,
       answer ->> 'payment_reference' AS payment_reference,
       reason, actor, reservation_id, encode(digest, 'hex') AS digest, count(*) OVER () AS found,
       min((answer ->> 'from_deadline')::timestamptz)
           OVER (PARTITION BY reservation_id) AS first_deadline
  FROM holdfast.operation_records
 WHERE reservation_id = ANY(%(ids)s::bigint[])
   AND kind IN ('extend', 'amend', 'fulfil', 'release', 'payment_started', 'payment_ended')
   AND answer ->> 'status' IS DISTINCT FROM 'refused'
 ORDER BY created_at DESC, 4 DESC NULLS FIRST, sequence DESC
 LIMIT %(rows_max)s
"""

# The movements of all its attempts, the earliest first, and how many there are in all. They are
# found by the operations that made them.
READ_MOVEMENTS: Final = """
SELECT m.created_at, m.kind, s.sku, s.location, m.total_delta, m.reserved_delta,
       count(*) OVER () AS found
  FROM (SELECT unnest(%(ids)s::bigint[]) AS sequence
         UNION ALL
        SELECT closing FROM holdfast.reservations
         WHERE id = ANY(%(ids)s::bigint[]) AND closing IS NOT NULL
         UNION ALL
        SELECT sequence FROM holdfast.operation_records
         WHERE reservation_id = ANY(%(ids)s::bigint[])) AS o,
       LATERAL (SELECT * FROM holdfast.stock_movements WHERE operation = o.sequence OFFSET 0) AS m
  JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[m.stock_item_id])
 ORDER BY m.operation, m.id
 LIMIT %(rows_max)s
"""

# What was asked for and denied, by day in UTC, stock item and reason. A checkout is denied once,
# and names a stock item once. Only denials have shortages, which is what the index goes by.
READ_DENIED_DEMAND: Final = """
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
   AND r.created_at >= %(since)s
   AND r.created_at < %(until)s
   AND (%(sku)s::text IS NULL OR s.sku = %(sku)s)
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, requested DESC, s.sku COLLATE "C", s.location COLLATE "C", s.reason
 LIMIT %(rows_max)s
"""
