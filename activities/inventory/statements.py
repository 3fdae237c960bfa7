"""Every SQL statement of the ledger, each named and explained. Callers build none.

Arrays go in as parallel columns and are unnested, so one statement serves one row or a batch.
The clock is always ``holdfast.clock()``: the time of reading, not that of the transaction's begin.
Where rows are found by it, it is read once, in a subquery: a bare call would be made for each row
and no index could be used.

Locks are taken by CLAIM_RESERVATIONS or CLAIM_ADJUSTMENT, CREATE_STOCK_ITEMS, LOCK_RESERVATIONS
and LOCK_STOCK, in that order and each by id; nothing else waits. See docs/lifecycle.md.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import TextClause, text


def _sql(statement: str) -> TextClause:
    return text(statement)


# --- locks ---------------------------------------------------------------------------------------

# Take ids that nobody has used, as closed rows that hold nothing: a denial until it is granted,
# a tombstone if it is never reserved. Waits for anyone who is just now taking the same id.
CLAIM_RESERVATIONS: Final = _sql("""
INSERT INTO holdfast.reservations
       (id, checkout_id, status, customer_id, cart_id, reason, actor, request_digest,
        created_at, closed_at)
SELECT c.id, c.checkout_id, c.status, c.customer_id, c.cart_id, c.reason, c.actor,
       c.request_digest, moment.at, moment.at
  FROM unnest(CAST(:ids AS text[]), CAST(:checkout_ids AS text[]), CAST(:statuses AS text[]),
              CAST(:customer_ids AS text[]), CAST(:cart_ids AS text[]), CAST(:reasons AS text[]),
              CAST(:actors AS text[]), CAST(:digests AS text[]))
       AS c(id, checkout_id, status, customer_id, cart_id, reason, actor, request_digest),
       (SELECT holdfast.clock() AS at OFFSET 0) AS moment
 ORDER BY c.id COLLATE "C"
    ON CONFLICT (id) DO NOTHING
RETURNING id
""")

# Wait for, and hold, these reservations.
LOCK_RESERVATIONS: Final = _sql("""
SELECT id
  FROM holdfast.reservations
 WHERE id = ANY(CAST(:ids AS text[]))
 ORDER BY id
   FOR NO KEY UPDATE
""")

# Wait for, and hold, these stock items; the figures read are those after the wait.
LOCK_STOCK: Final = _sql("""
SELECT id, sku, location, active, total_quantity, reserved_quantity
  FROM holdfast.stock_items
 WHERE id = ANY(CAST(:ids AS bigint[]))
 ORDER BY id
   FOR NO KEY UPDATE
""")

# Hold overdue reservations that nobody else is busy with. Skips, so it never waits.
LOCK_OVERDUE: Final = _sql("""
SELECT id
  FROM holdfast.reservations
 WHERE status = 'held'
   AND expires_at < (SELECT holdfast.clock()) - make_interval(secs => :grace_seconds)
 ORDER BY expires_at, id
 LIMIT :batch_size_max
   FOR NO KEY UPDATE SKIP LOCKED
""")

# --- reserve -------------------------------------------------------------------------------------

# Which stock items are meant. Ids never change, so this needs no lock.
FIND_STOCK: Final = _sql("""
SELECT s.id, s.sku, s.location
  FROM unnest(CAST(:skus AS text[]), CAST(:locations AS text[])) AS w(sku, location)
  JOIN holdfast.stock_items AS s USING (sku, location)
""")

CLOCK: Final = _sql("SELECT holdfast.clock()")

# Turn claims into holds: deadline, lines, movements and reserved quantities in one statement.
GRANT: Final = _sql("""
WITH granted AS (
    UPDATE holdfast.reservations AS r
       SET status = 'held', created_at = :at, closed_at = NULL, expires_at = g.expires_at
      FROM unnest(CAST(:ids AS text[]), CAST(:deadlines AS timestamptz[])) AS g(id, expires_at)
     WHERE r.id = g.id
), line AS (
    SELECT *
      FROM unnest(CAST(:line_ids AS text[]), CAST(:line_items AS bigint[]),
                  CAST(:line_quantities AS bigint[]))
           AS l(reservation_id, stock_item_id, quantity)
), written AS (
    INSERT INTO holdfast.reservation_lines (reservation_id, stock_item_id, quantity)
    SELECT reservation_id, stock_item_id, quantity FROM line
), moved AS (
    INSERT INTO holdfast.stock_movements
           (stock_item_id, reservation_id, kind, total_delta, reserved_delta, created_at)
    SELECT stock_item_id, reservation_id, 'reserve', 0, quantity, :at FROM line
)
UPDATE holdfast.stock_items AS s
   SET reserved_quantity = s.reserved_quantity + d.quantity, updated_at = :at
  FROM (SELECT stock_item_id, sum(quantity)::bigint AS quantity FROM line GROUP BY 1) AS d
 WHERE s.id = d.stock_item_id
""")

# Record what a denied claim lacked.
DENY: Final = _sql("""
UPDATE holdfast.reservations AS r
   SET shortages = d.shortages, created_at = :at, closed_at = :at
  FROM unnest(CAST(:ids AS text[]), CAST(:shortages AS jsonb[])) AS d(id, shortages)
 WHERE r.id = d.id
""")

# Holds past their deadline on these stock items, oldest first. Walks open holds only.
FIND_OVERDUE_ON: Final = _sql("""
SELECT r.id
  FROM holdfast.reservations AS r
 WHERE r.status = 'held'
   AND r.expires_at <= :at
   AND EXISTS (SELECT 1 FROM holdfast.reservation_lines AS l
                WHERE l.reservation_id = r.id
                  AND l.stock_item_id = ANY(CAST(:item_ids AS bigint[])))
 ORDER BY r.expires_at, r.id
 LIMIT :batch_size_max
""")

# When the next hold on each of these stock items ends.
FIND_NEXT_EXPIRY: Final = _sql("""
SELECT i.id,
       (SELECT r.expires_at
          FROM holdfast.reservations AS r
          JOIN holdfast.reservation_lines AS l
            ON l.reservation_id = r.id AND l.stock_item_id = i.id
         WHERE r.status = 'held'
         ORDER BY r.expires_at
         LIMIT 1) AS next_expiry
  FROM unnest(CAST(:item_ids AS bigint[])) AS i(id)
""")

# --- fulfil, cancel, expire ----------------------------------------------------------------------

# The stock items that these reservations have lines on. Lines never change once written.
FIND_LINE_ITEMS: Final = _sql("""
SELECT DISTINCT stock_item_id
  FROM holdfast.reservation_lines
 WHERE reservation_id = ANY(CAST(:ids AS text[]))
""")

# End holds, each at most once: only what is `held` moves, and only what is overdue expires.
# Fulfil lowers total and reserved together; cancel and expire lower reserved alone. Where somebody
# has written wrong figures by hand, an ending still goes through: the movements stay exact, the
# figures stop at their bounds, and the audit names the difference.
CLOSE: Final = _sql("""
WITH moment AS MATERIALIZED (
    SELECT holdfast.clock() AS at
), closed AS (
    UPDATE holdfast.reservations AS r
       SET status = c.status, closed_at = moment.at, reason = c.reason, actor = c.actor,
           payment_reference = c.payment_reference
      FROM unnest(CAST(:ids AS text[]), CAST(:statuses AS text[]), CAST(:reasons AS text[]),
                  CAST(:actors AS text[]), CAST(:payment_references AS text[]))
           AS c(id, status, reason, actor, payment_reference), moment
     WHERE r.id = c.id
       AND r.status = 'held'
       AND (c.status <> 'expired' OR r.expires_at <= moment.at)
    RETURNING r.id, r.status, r.reason, r.actor, r.closed_at
), gone AS (
    SELECT c.*, l.stock_item_id, l.quantity,
           CASE WHEN c.status = 'fulfilled' THEN l.quantity ELSE 0 END AS sold
      FROM closed AS c
      JOIN holdfast.reservation_lines AS l ON l.reservation_id = c.id
), moved AS (
    INSERT INTO holdfast.stock_movements
           (stock_item_id, reservation_id, kind, total_delta, reserved_delta, reason, actor,
            created_at)
    SELECT stock_item_id, id,
           CASE status WHEN 'fulfilled' THEN 'fulfil' WHEN 'cancelled' THEN 'cancel'
                       ELSE 'expire' END,
           -sold, -quantity, reason, actor, closed_at
      FROM gone
), given_back AS (
    UPDATE holdfast.stock_items AS s
       SET total_quantity = greatest(
               s.total_quantity - d.sold, s.reserved_quantity - d.quantity, 0),
           reserved_quantity = greatest(s.reserved_quantity - d.quantity, 0),
           updated_at = moment.at
      FROM (SELECT stock_item_id, sum(quantity)::bigint AS quantity, sum(sold)::bigint AS sold
              FROM gone GROUP BY 1) AS d, moment
     WHERE s.id = d.stock_item_id
)
SELECT id FROM closed
""")

# Move the deadline of live holds, never backwards, never past the cap on the whole length. Of
# several wishes for one hold the furthest under the cap counts.
EXTEND: Final = _sql("""
UPDATE holdfast.reservations AS r
   SET expires_at = e.expires_at
  FROM (SELECT w.id, max(w.expires_at) AS expires_at
          FROM unnest(CAST(:ids AS text[]), CAST(:deadlines AS timestamptz[])) AS w(id, expires_at)
          JOIN holdfast.reservations AS c ON c.id = w.id
         WHERE w.expires_at <= c.created_at + make_interval(secs => :hold_seconds_cap)
         GROUP BY w.id) AS e,
       (SELECT holdfast.clock() AS at OFFSET 0) AS moment
 WHERE r.id = e.id
   AND r.status = 'held'
   AND moment.at < r.expires_at
   AND e.expires_at > r.expires_at
""")

# Where reservations stand, with their lines and the seconds left by the database's clock.
READ_RESERVATIONS: Final = _sql("""
SELECT r.id, r.checkout_id, r.status, r.expires_at, r.created_at, r.closed_at, r.reason, r.actor,
       r.payment_reference, r.request_digest, r.shortages,
       extract(epoch FROM r.expires_at - holdfast.clock())::double precision AS remaining_seconds,
       coalesce(
           (SELECT jsonb_agg(jsonb_build_object(
                       'sku', s.sku, 'location', s.location, 'quantity', l.quantity)
                       ORDER BY s.sku COLLATE "C", s.location COLLATE "C")
              FROM holdfast.reservation_lines AS l
              JOIN holdfast.stock_items AS s ON s.id = l.stock_item_id
             WHERE l.reservation_id = r.id),
           '[]') AS lines
  FROM holdfast.reservations AS r
 WHERE r.id = ANY(CAST(:ids AS text[]))
""")

# --- stock ---------------------------------------------------------------------------------------

# Take an adjustment id that nobody has used. Waits for anyone who is just now taking the same.
CLAIM_ADJUSTMENT: Final = _sql("""
INSERT INTO holdfast.stock_adjustments (id, request_digest)
VALUES (:id, :digest)
    ON CONFLICT (id) DO NOTHING
RETURNING id
""")

READ_ADJUSTMENT: Final = _sql("""
SELECT request_digest, outcome FROM holdfast.stock_adjustments WHERE id = :id
""")

RECORD_ADJUSTMENT: Final = _sql("""
UPDATE holdfast.stock_adjustments SET outcome = CAST(:outcome AS jsonb) WHERE id = :id
""")

# New stock items with no stock yet; those that exist stay as they are.
CREATE_STOCK_ITEMS: Final = _sql("""
INSERT INTO holdfast.stock_items (sku, location)
SELECT n.sku, n.location
  FROM unnest(CAST(:skus AS text[]), CAST(:locations AS text[])) AS n(sku, location)
 ORDER BY n.sku COLLATE "C", n.location COLLATE "C"
    ON CONFLICT (sku, location) DO NOTHING
RETURNING id
""")

# Change totals and write one movement for each change.
MOVE_STOCK: Final = _sql("""
WITH moment AS MATERIALIZED (
    SELECT holdfast.clock() AS at
), change AS (
    SELECT *
      FROM unnest(CAST(:item_ids AS bigint[]), CAST(:kinds AS text[]),
                  CAST(:deltas AS bigint[]))
           AS c(stock_item_id, kind, delta)
), moved AS (
    INSERT INTO holdfast.stock_movements
           (stock_item_id, adjustment_id, kind, total_delta, reserved_delta, reason, actor,
            created_at)
    SELECT stock_item_id, CAST(:adjustment_id AS text), kind, delta, 0, :reason, :actor, moment.at
      FROM change, moment
)
UPDATE holdfast.stock_items AS s
   SET total_quantity = s.total_quantity + c.delta, updated_at = moment.at
  FROM change AS c, moment
 WHERE s.id = c.stock_item_id
""")

# Give stock items their names.
NAME_STOCK: Final = _sql("""
UPDATE holdfast.stock_items AS s
   SET name = n.name
  FROM unnest(CAST(:item_ids AS bigint[]), CAST(:names AS text[])) AS n(id, name)
 WHERE s.id = n.id AND s.name <> n.name
""")

# --- reading -------------------------------------------------------------------------------------

# Availability of some SKUs, at every location that has them.
READ_AVAILABILITY: Final = _sql("""
SELECT sku, location, name, active, total, reserved, available
  FROM holdfast.stock_availability
 WHERE sku = ANY(CAST(:skus AS text[]))
 ORDER BY sku COLLATE "C", location COLLATE "C"
""")

# Active stock items with more available than one number and at most another, page by page.
READ_STOCK_BETWEEN: Final = _sql("""
SELECT sku, location, name, active, total, reserved, available
  FROM holdfast.stock_availability
 WHERE active
   AND available >= :available_min
   AND available <= :available_max
   AND (sku COLLATE "C", location COLLATE "C") > (:after_sku, :after_location)
 ORDER BY sku COLLATE "C", location COLLATE "C"
 LIMIT :page_size
""")

# Holds past their deadline by more than so many seconds, oldest first.
READ_OVERDUE: Final = _sql("""
SELECT id, checkout_id, customer_id, expires_at, overdue_seconds, units
  FROM holdfast.overdue_reservations
 WHERE expires_at < (SELECT holdfast.clock()) - make_interval(secs => :older_than_seconds)
 ORDER BY expires_at, id
 LIMIT :page_size
""")

COUNT_OVERDUE: Final = _sql("""
SELECT count(*)
  FROM holdfast.reservations
 WHERE status = 'held'
   AND expires_at < (SELECT holdfast.clock()) - make_interval(secs => :older_than_seconds)
""")

SCHEMA_VERSION: Final = _sql("SELECT version_num FROM holdfast.alembic_version")

# Whether a role exists, and whether it is bound by grants at all.
READ_ROLE: Final = _sql("""
SELECT r.rolsuper AS is_superuser,
       EXISTS (SELECT 1 FROM pg_class AS c
                WHERE c.relnamespace = 'holdfast'::regnamespace
                  AND pg_has_role(r.oid, c.relowner, 'MEMBER')) AS is_owner
  FROM pg_roles AS r
 WHERE r.rolname = :role
""")

# --- audit ---------------------------------------------------------------------------------------

# I1: 0 <= reserved <= total. The constraints hold it; this is the check that they are there.
AUDIT_WITHIN_TOTAL: Final = _sql("""
SELECT sku || ' at ' || location AS subject,
       format('total %s, reserved %s', total_quantity, reserved_quantity) AS finding
  FROM holdfast.stock_items
 WHERE NOT (0 <= reserved_quantity AND reserved_quantity <= total_quantity)
 ORDER BY id
 LIMIT :breaches_max
""")

# I2: reserved = the sum of its lines whose reservation is held.
AUDIT_RESERVED_IS_HELD: Final = _sql("""
WITH held AS (
    SELECT l.stock_item_id, sum(l.quantity) AS quantity
      FROM holdfast.reservations AS r
      JOIN holdfast.reservation_lines AS l ON l.reservation_id = r.id
     WHERE r.status = 'held'
     GROUP BY 1
)
SELECT s.sku || ' at ' || s.location AS subject,
       format('reserved %s, open holds %s', s.reserved_quantity, coalesce(h.quantity, 0)) AS finding
  FROM holdfast.stock_items AS s
  LEFT JOIN held AS h ON h.stock_item_id = s.id
 WHERE s.reserved_quantity <> coalesce(h.quantity, 0)
 ORDER BY s.id
 LIMIT :breaches_max
""")

# I3: total and reserved = the sums of the movements.
AUDIT_FIGURES_ARE_MOVEMENTS: Final = _sql("""
WITH moved AS (
    SELECT stock_item_id, sum(total_delta) AS total, sum(reserved_delta) AS reserved
      FROM holdfast.stock_movements
     GROUP BY 1
)
SELECT s.sku || ' at ' || s.location AS subject,
       format('total %s and reserved %s, by movements %s and %s', s.total_quantity,
              s.reserved_quantity, coalesce(m.total, 0), coalesce(m.reserved, 0)) AS finding
  FROM holdfast.stock_items AS s
  LEFT JOIN moved AS m ON m.stock_item_id = s.id
 WHERE (s.total_quantity, s.reserved_quantity)
       IS DISTINCT FROM (coalesce(m.total, 0), coalesce(m.reserved, 0))
 ORDER BY s.id
 LIMIT :breaches_max
""")

# I4: each reservation's lines and movements say the same as its status: one `reserve` for each
# line, and at most one ending, the one its status names. What never held has neither.
AUDIT_ONE_ENDING: Final = _sql("""
WITH moved AS (
    SELECT reservation_id, stock_item_id,
           sum(reserved_delta) FILTER (WHERE kind = 'reserve') AS taken,
           sum(-reserved_delta) FILTER (WHERE kind <> 'reserve') AS given,
           count(*) FILTER (WHERE kind = 'reserve') AS takings,
           count(*) FILTER (WHERE kind <> 'reserve') AS endings,
           max(kind) FILTER (WHERE kind <> 'reserve') AS ending
      FROM holdfast.stock_movements
     WHERE reservation_id IS NOT NULL
     GROUP BY 1, 2
), told AS (
    SELECT coalesce(l.reservation_id, m.reservation_id) AS reservation_id,
           l.quantity, m.taken, m.given, m.takings, m.endings, m.ending
      FROM holdfast.reservation_lines AS l
      FULL JOIN moved AS m
        ON m.reservation_id = l.reservation_id AND m.stock_item_id = l.stock_item_id
)
SELECT t.reservation_id AS subject,
       format('status %s, line %s, reserved %s, %s %s', coalesce(r.status, 'unknown'), t.quantity,
              t.taken, coalesce(t.ending, 'given back'), coalesce(t.given, 0)) AS finding
  FROM told AS t
  LEFT JOIN holdfast.reservations AS r ON r.id = t.reservation_id
 WHERE NOT coalesce(
           t.takings = 1 AND t.taken = t.quantity
           AND CASE r.status
                   WHEN 'held' THEN t.endings = 0
                   WHEN 'fulfilled' THEN t.ending = 'fulfil'
                                         AND t.endings = 1 AND t.given = t.quantity
                   WHEN 'cancelled' THEN t.ending = 'cancel'
                                         AND t.endings = 1 AND t.given = t.quantity
                   WHEN 'expired' THEN t.ending = 'expire'
                                       AND t.endings = 1 AND t.given = t.quantity
                   ELSE false
               END, false)
 UNION ALL
SELECT r.id, format('status %s, but no line', r.status)
  FROM holdfast.reservations AS r
 WHERE r.status IN ('held', 'fulfilled')
   AND NOT EXISTS (SELECT 1 FROM holdfast.reservation_lines AS l WHERE l.reservation_id = r.id)
 ORDER BY 1
 LIMIT :breaches_max
""")
