"""The invariants as queries: each returns what breaks one."""

from __future__ import annotations

from typing import Final

# An audit reads whole tables, which daily connections are told to avoid: not in this transaction.
# And it is planned for the tables as they are: a shop may have been empty when a plan was kept.
PLAN_FREELY: Final = """
SELECT set_config(name, setting, true)
  FROM (VALUES ('enable_seqscan', 'on'), ('enable_hashjoin', 'on'), ('enable_mergejoin', 'on'),
               ('plan_cache_mode', 'force_custom_plan')) AS s(name, setting)
"""

# I1: 0 <= reserved <= total. The constraints hold it; this is the check that they are there.
WITHIN_TOTAL: Final = """
SELECT sku || ' at ' || location AS subject,
       format('total %%s, reserved %%s', total_quantity, reserved_quantity) AS finding
  FROM holdfast.stock_items
 WHERE NOT (0 <= reserved_quantity AND reserved_quantity <= total_quantity)
 ORDER BY id
 LIMIT %(breaches_max)s
"""

# I2: reserved = what is open of its lines that are held or committed, and what an adopted shop's
# own code has. The index holds the open lines alone, so this costs the same however many are
# closed.
RESERVED_IS_OPEN: Final = """
WITH open AS (
    SELECT l.stock_item_id, sum(l.quantity) AS quantity
      FROM (SELECT stock_item_id, reservation_id, quantity
              FROM holdfast.reservation_lines
             WHERE quantity > 0
            OFFSET 0) AS l,
           -- One after the other, by their keys: however many there seem to be.
           LATERAL (SELECT status
                      FROM holdfast.reservations
                     WHERE id = l.reservation_id
                    OFFSET 0) AS r
     WHERE r.status IN ('held', 'committed')
     GROUP BY 1
)
SELECT s.sku || ' at ' || s.location AS subject,
       format('reserved %%s, open holds %%s', s.reserved_quantity, coalesce(o.quantity, 0))
       || CASE s.shop_reserved WHEN 0 THEN ''
                               ELSE format(', by the shop %%s', s.shop_reserved) END
           AS finding
  FROM holdfast.stock_items AS s
  LEFT JOIN open AS o ON o.stock_item_id = s.id
 WHERE s.reserved_quantity <> coalesce(o.quantity, 0) + s.shop_reserved
 ORDER BY s.id
 LIMIT %(breaches_max)s
"""

# I3: total and reserved = the sums of the movements.
FIGURES_ARE_MOVEMENTS: Final = """
WITH moved AS (
    SELECT stock_item_id, sum(total_delta) AS total, sum(reserved_delta) AS reserved
      FROM holdfast.stock_movements
     GROUP BY 1
)
SELECT s.sku || ' at ' || s.location AS subject,
       format('total %%s and reserved %%s, by movements %%s and %%s', s.total_quantity,
              s.reserved_quantity, coalesce(m.total, 0), coalesce(m.reserved, 0)) AS finding
  FROM holdfast.stock_items AS s
  LEFT JOIN moved AS m ON m.stock_item_id = s.id
 WHERE (s.total_quantity, s.reserved_quantity)
       IS DISTINCT FROM (coalesce(m.total, 0), coalesce(m.reserved, 0))
 ORDER BY s.id
 LIMIT %(breaches_max)s
"""

# I4: each line and its movements say the same, and as its reservation's status: what is open is the
# sum of the reserved deltas, what was fulfilled left by `fulfil`, nothing is open once the
# reservation is over, and it ended as its status says. What never held has neither.
LINES_ARE_MOVEMENTS: Final = """
WITH moved AS (
    SELECT reservation_id, stock_item_id, sum(reserved_delta) AS open,
           -sum(total_delta) FILTER (WHERE kind = 'fulfil') AS fulfilled,
           count(*) FILTER (WHERE kind = 'reserve') AS takings,
           count(*) FILTER (WHERE kind IN ('cancel', 'expire')) AS endings,
           count(*) - count(DISTINCT operation) AS repeated,
           string_agg(DISTINCT kind, ', ' ORDER BY kind) AS kinds
      FROM holdfast.stock_movements
     WHERE reservation_id IS NOT NULL
     GROUP BY 1, 2
), told AS (
    SELECT coalesce(l.reservation_id, m.reservation_id) AS reservation_id,
           l.quantity, l.fulfilled_quantity, l.taken_quantity, m.open, m.fulfilled, m.takings,
           m.endings, m.repeated, m.kinds
      FROM holdfast.reservation_lines AS l
      FULL JOIN moved AS m
        ON m.reservation_id = l.reservation_id AND m.stock_item_id = l.stock_item_id
)
SELECT coalesce('checkout/' || r.checkout_id, 'reservation ' || t.reservation_id) AS subject,
       format('status %%s, line %%s open and %%s fulfilled of %%s, by movements %%s and %%s (%%s)',
              coalesce(r.status, 'unknown'), t.quantity, t.fulfilled_quantity, t.taken_quantity,
              coalesce(t.open, 0), coalesce(t.fulfilled, 0), coalesce(t.kinds, 'none')) AS finding
  FROM told AS t
  LEFT JOIN holdfast.reservations AS r ON r.id = t.reservation_id
 WHERE NOT coalesce(
           t.quantity = t.open
           AND t.fulfilled_quantity = coalesce(t.fulfilled, 0)
           AND t.takings <= 1
           AND t.repeated = 0
           AND CASE r.status
                   WHEN 'held' THEN t.endings = 0 AND t.fulfilled_quantity = 0
                   WHEN 'committed' THEN t.endings = 0
                   WHEN 'fulfilled' THEN t.endings = 0 AND t.quantity = 0
                   WHEN 'cancelled' THEN t.kinds NOT LIKE '%%expire%%' AND t.quantity = 0
                                         AND t.fulfilled_quantity = 0
                   WHEN 'expired' THEN t.kinds NOT LIKE '%%cancel%%' AND t.quantity = 0
                                       AND t.fulfilled_quantity = 0
                   ELSE false
               END, false)
 UNION ALL
SELECT 'checkout/' || r.checkout_id, format('status %%s, but no line', r.status)
  FROM holdfast.reservations AS r
 WHERE r.status IN ('held', 'committed', 'fulfilled')
   AND NOT EXISTS (SELECT 1 FROM holdfast.reservation_lines AS l WHERE l.reservation_id = r.id)
 ORDER BY 1
 LIMIT %(breaches_max)s
"""

# I5: an adopted row has the figures of its stock item; the switches that see to it come first.
SHOP_IS_FOLLOWED: Final = """
SELECT subject, finding FROM holdfast.find_shop_breaches(false, %(breaches_max)s)
"""
SHOP_IS_EQUAL: Final = """
SELECT subject, finding FROM holdfast.find_shop_breaches(true, %(breaches_max)s)
"""

# I6: a settled payment is that of its checkout's reservation, which is paid; a paid checkout has
# its one settled payment; what is due back says why.
PAYMENTS_SETTLE_ONCE: Final = """
WITH settled AS (
    SELECT p.payment_reference, p.checkout_id, count(r.id) AS settles
      FROM holdfast.payments AS p
      LEFT JOIN holdfast.reservations AS r
        ON r.payment_reference = p.payment_reference
       AND r.checkout_id = p.checkout_id
       AND r.status IN ('committed', 'fulfilled')
     WHERE p.state = 'settled'
     GROUP BY 1, 2
)
SELECT 'payment ' || s.payment_reference AS subject,
       format('settled, but settles %%s reservations of checkout %%s', s.settles, s.checkout_id)
           AS finding
  FROM settled AS s
 WHERE s.settles <> 1
 UNION ALL
SELECT 'checkout/' || r.checkout_id,
       format('status %%s, paid by %%s, which is %%s', r.status, r.payment_reference,
              coalesce(p.state || ' for ' || p.checkout_id, 'unknown'))
  FROM holdfast.reservations AS r
  LEFT JOIN holdfast.payments AS p ON p.payment_reference = r.payment_reference
 WHERE r.status IN ('committed', 'fulfilled')
   AND (p.state, p.checkout_id) IS DISTINCT FROM ('settled', r.checkout_id)
 UNION ALL
SELECT 'checkout/' || s.checkout_id, format('settled by %%s payments', count(*))
  FROM settled AS s
 GROUP BY s.checkout_id
HAVING count(*) > 1
 UNION ALL
SELECT 'payment ' || p.payment_reference, format('%%s for no reason', p.state)
  FROM holdfast.payments AS p
 WHERE p.state IN ('refund_due', 'refunded') AND p.reason = ''
 ORDER BY 1
 LIMIT %(breaches_max)s
"""
