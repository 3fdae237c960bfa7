"""Every SQL statement of the ledger's operations, each named and explained. Callers build none.

Those that only tell what has happened are in `story_statements.py`. What a paid checkout needs,
reserving what fits and closing, are functions in the database (migration 0004), because their steps
follow one another without a decision and each would cost a journey.

Arrays go in as parallel columns and are unnested, so one statement serves one row or a batch.
The clock is always ``holdfast.clock()``: the time of reading, not that of the transaction's begin.
Where rows are found by it, it is read once, in a subquery: a bare call would be made for each row
and no index could be used.

A connection keeps its plans, also those made while the tables were almost empty. The cheapest way
then is to read a whole index and compare, and it stays when a million rows have come. So rows that
belong to an array's are looked up by ``= ANY(ARRAY[key])`` or in a ``LATERAL`` with ``OFFSET 0``,
which leave no other way than one look-up for each.

The two that are made most name their columns: of others SQLAlchemy works them out at every call.

Locks are taken by CLAIM_RESERVATIONS, CLAIM_TOMBSTONES or CLAIM_ADJUSTMENT, CREATE_STOCK_ITEMS,
LOCK_RESERVATIONS and LOCK_STOCK, in that order and each by id; RESERVE_WHAT_FITS claims and then
locks stock, CLOSE claims, locks reservations and then stock. Nothing else waits. See
docs/lifecycle.md.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import TextClause, column, text


def _sql(statement: str) -> TextClause:
    return text(statement)


# --- locks ---------------------------------------------------------------------------------------

# Take ids that nobody has used, as closed rows that hold nothing, and return them. Waits for anyone
# who is just now taking the same id.
CLAIM_RESERVATIONS: Final = _sql("""
SELECT holdfast.claim_reservations(
       CAST(:ids AS text[]), CAST(:checkout_ids AS text[]), NULL, CAST(:customer_ids AS text[]),
       CAST(:cart_ids AS text[]), NULL, NULL, CAST(:digests AS text[]))
""")

# The same for extensions of what was never reserved: tombstones.
CLAIM_TOMBSTONES: Final = _sql("""
SELECT holdfast.claim_reservations(
       CAST(:ids AS text[]), CAST(:checkout_ids AS text[]), CAST(:statuses AS text[]),
       NULL, NULL, NULL, NULL, NULL)
""")

# Wait for, and hold, these reservations.
LOCK_RESERVATIONS: Final = _sql("""
SELECT id
  FROM holdfast.reservations
 WHERE id = ANY(CAST(:ids AS text[]))
 ORDER BY id
   FOR NO KEY UPDATE
""")

# Wait for, and hold, the stock items of these SKUs and locations. The figures read are those after
# the wait, and so is the time: it is read row by row, each after its lock, and the last is the
# latest. Which items are meant is found without a lock, because ids never change.
LOCK_STOCK: Final = _sql("""
SELECT stock.*, holdfast.clock() AS at
  FROM (SELECT id, sku, location, name, active, total_quantity, reserved_quantity
          FROM holdfast.stock_items
         WHERE id = ANY(ARRAY(
               SELECT s.id
                 FROM unnest(CAST(:skus AS text[]), CAST(:locations AS text[]))
                      AS w(sku, location),
                      LATERAL (SELECT id
                                 FROM holdfast.stock_items
                                WHERE sku = w.sku AND location = w.location
                               OFFSET 0) AS s))
         ORDER BY id
           FOR NO KEY UPDATE) AS stock
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

CLOCK: Final = _sql("SELECT holdfast.clock()")

# Where every id is new and all of it fits, hold it and say when. NULL, or an error of the state
# SOMETHING_TO_DECIDE, where somebody has to choose; nothing was done then.
SOMETHING_TO_DECIDE: Final = "HF001"
RESERVE_WHAT_FITS: Final = _sql("""
SELECT holdfast.reserve_what_fits(
       CAST(:ids AS text[]), CAST(:checkout_ids AS text[]), CAST(:customer_ids AS text[]),
       CAST(:cart_ids AS text[]), CAST(:digests AS text[]), CAST(:seconds AS integer[]),
       CAST(:line_ids AS text[]), CAST(:line_skus AS text[]), CAST(:line_locations AS text[]),
       CAST(:line_quantities AS bigint[])) AS held_at
""").columns(column("held_at"))

# Turn claims into holds, as was decided.
GRANT: Final = _sql("""
SELECT holdfast.grant_reservations(
       :at, CAST(:ids AS text[]), CAST(:seconds AS integer[]), CAST(:line_ids AS text[]),
       CAST(:line_items AS bigint[]), CAST(:line_quantities AS bigint[]))
""")

# Record what a denied claim lacked.
DENY: Final = _sql("""
UPDATE holdfast.reservations AS r
   SET shortages = d.shortages, created_at = :at, closed_at = :at
  FROM unnest(CAST(:ids AS text[]), CAST(:shortages AS jsonb[])) AS d(id, shortages)
 WHERE r.id = ANY(ARRAY[d.id])
""")

# Holds past their deadline on these stock items, oldest first.
FIND_OVERDUE_ON: Final = _sql("""
SELECT o.reservation_id
  FROM unnest(CAST(:item_ids AS bigint[])) AS i(id),
       LATERAL (SELECT expires_at, reservation_id
                  FROM holdfast.open_lines
                 WHERE stock_item_id = i.id
                   AND expires_at <= :at
                 ORDER BY expires_at, reservation_id
                 LIMIT :batch_size_max) AS o
 GROUP BY o.reservation_id
 ORDER BY min(o.expires_at), o.reservation_id
 LIMIT :batch_size_max
""")

# When the next hold on each of these stock items ends.
FIND_NEXT_EXPIRY: Final = _sql("""
SELECT i.id,
       (SELECT min(o.expires_at)
          FROM holdfast.open_lines AS o
         WHERE o.stock_item_id = i.id) AS next_expiry
  FROM unnest(CAST(:item_ids AS bigint[])) AS i(id)
""")

# --- fulfil, cancel, expire ----------------------------------------------------------------------

# End holds, each at most once, and tell of those that it ended; bury ids that nobody has used.
CLOSE: Final = _sql("""
SELECT id, status, reason, actor, closed_at, payment_reference, lines
  FROM holdfast.close_reservations(
       CAST(:ids AS text[]), CAST(:checkout_ids AS text[]), CAST(:statuses AS text[]),
       CAST(:reasons AS text[]), CAST(:actors AS text[]), CAST(:payment_references AS text[]))
""").columns(
    column("id"),
    column("status"),
    column("reason"),
    column("actor"),
    column("closed_at"),
    column("payment_reference"),
    column("lines"),
)

# --- extend --------------------------------------------------------------------------------------

# What decides on extensions, to be read under the locks: when each hold began and ends, and which
# of these extensions were made before.
READ_EXTENSIBLE: Final = _sql("""
SELECT r.id, r.created_at, CASE r.status WHEN 'held' THEN r.expires_at END AS deadline,
       ARRAY(SELECT e.extension_id
               FROM holdfast.reservation_extensions AS e
              WHERE e.reservation_id = r.id
                AND e.extension_id = ANY(CAST(:extension_ids AS text[]))) AS made
  FROM holdfast.reservations AS r
 WHERE r.id = ANY(CAST(:ids AS text[]))
""")

# Move deadlines and record who asked for it, in one statement.
EXTEND: Final = _sql("""
WITH made AS (
    SELECT *
      FROM unnest(CAST(:ids AS text[]), CAST(:extension_ids AS text[]),
                  CAST(:from_deadlines AS timestamptz[]), CAST(:to_deadlines AS timestamptz[]),
                  CAST(:seconds AS integer[]), CAST(:reasons AS text[]), CAST(:actors AS text[]))
           AS m(reservation_id, extension_id, from_deadline, to_deadline, seconds, reason, actor)
), recorded AS (
    INSERT INTO holdfast.reservation_extensions
           (reservation_id, extension_id, from_deadline, to_deadline, seconds, reason, actor,
            created_at)
    SELECT reservation_id, extension_id, from_deadline, to_deadline, seconds, reason, actor, :at
      FROM made
)
UPDATE holdfast.reservations AS r
   SET expires_at = m.expires_at
  FROM (SELECT reservation_id, max(to_deadline) AS expires_at FROM made GROUP BY 1) AS m
 WHERE r.id = ANY(ARRAY[m.reservation_id]) AND r.closed_at IS NULL
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
              JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[l.stock_item_id])
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
 WHERE s.id = ANY(ARRAY[c.stock_item_id])
""")

# Say whether new holds may take from a stock item, and write a movement that moves nothing.
SET_ACTIVE: Final = _sql("""
WITH moment AS MATERIALIZED (
    SELECT holdfast.clock() AS at
), told AS (
    INSERT INTO holdfast.stock_movements
           (stock_item_id, adjustment_id, kind, total_delta, reserved_delta, reason, actor,
            created_at)
    SELECT :item_id, :adjustment_id, :kind, 0, 0, :reason, :actor, moment.at FROM moment
)
UPDATE holdfast.stock_items AS s
   SET active = :active, updated_at = moment.at
  FROM moment
 WHERE s.id = :item_id
""")

# The holds on a stock item that end first.
READ_HOLDERS: Final = _sql("""
SELECT r.checkout_id, l.quantity, o.expires_at
  FROM (SELECT expires_at, reservation_id
          FROM holdfast.open_lines
         WHERE stock_item_id = :item_id
         ORDER BY expires_at, reservation_id
         LIMIT :rows_max) AS o,
       LATERAL (SELECT quantity
                  FROM holdfast.reservation_lines
                 WHERE reservation_id = o.reservation_id AND stock_item_id = :item_id
                OFFSET 0) AS l,
       LATERAL (SELECT checkout_id
                  FROM holdfast.reservations
                 WHERE id = o.reservation_id
                OFFSET 0) AS r
 ORDER BY o.expires_at, o.reservation_id
""")

# Where the stock items of these SKUs and locations stand, without a lock. Unknown ones are not
# among them.
READ_STANDINGS: Final = _sql("""
SELECT s.id, w.sku, w.location, s.name, s.total_quantity, s.reserved_quantity
  FROM unnest(CAST(:skus AS text[]), CAST(:locations AS text[])) AS w(sku, location),
       LATERAL (SELECT id, name, total_quantity, reserved_quantity
                  FROM holdfast.stock_items
                 WHERE sku = w.sku AND location = w.location
                OFFSET 0) AS s
""")

# What moved the totals of stock items after a moment, stock files apart: units sold, the change in
# all but for counts, whether there was a count, and when the first of it was. Items that did not
# move are left out. Movements have no index by time. Their ids follow it but for what was written
# side by side, so the last one that is older by a margin is looked for by halving, and reading
# begins behind it.
READ_MOVED_SINCE: Final = _sql("""
WITH RECURSIVE search(low, high) AS (
    SELECT 0::bigint, (SELECT coalesce(max(id), 0) FROM holdfast.stock_movements WHERE id > 0)
     UNION ALL
    SELECT CASE WHEN found.is_older THEN found.id ELSE half.low END,
           CASE WHEN found.is_older THEN half.high ELSE half.middle - 1 END
      FROM (SELECT low, high, (low + high + 1) / 2 AS middle FROM search WHERE low < high) AS half,
           LATERAL (SELECT id, created_at < CAST(:as_of AS timestamptz)
                                            - make_interval(secs => :margin_seconds) AS is_older
                      FROM holdfast.stock_movements
                     WHERE id >= half.middle
                     ORDER BY id
                     LIMIT 1) AS found
)
SELECT i.id, m.sold, m.moved, m.is_counted, m.first_at
  FROM unnest(CAST(:item_ids AS bigint[])) AS i(id),
       LATERAL (SELECT coalesce(sum(-total_delta) FILTER (WHERE kind = 'fulfil'), 0)::bigint
                           AS sold,
                       coalesce(sum(total_delta) FILTER (WHERE kind <> 'count'), 0)::bigint
                           AS moved,
                       bool_or(kind = 'count') AS is_counted, min(created_at) AS first_at
                  FROM holdfast.stock_movements
                 WHERE stock_item_id = i.id
                   AND id > (SELECT max(low) FROM search)
                   AND created_at > :as_of
                   AND (total_delta <> 0 OR kind = 'count')
                   AND (reservation_id IS NOT NULL OR adjustment_id IS NOT NULL)) AS m
 WHERE m.is_counted IS NOT NULL
""")

# Give stock items their names.
NAME_STOCK: Final = _sql("""
UPDATE holdfast.stock_items AS s
   SET name = n.name
  FROM unnest(CAST(:item_ids AS bigint[]), CAST(:names AS text[])) AS n(id, name)
 WHERE s.id = ANY(ARRAY[n.id]) AND s.name <> n.name
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

# How much is reserved in all. Reads each stock item once, as the check of I1 does.
READ_UNITS_HELD: Final = _sql("""
SELECT coalesce(sum(reserved_quantity), 0)::bigint FROM holdfast.stock_items
""")

HAS_RESERVATIONS: Final = _sql("SELECT EXISTS (SELECT FROM holdfast.reservations)")

SCHEMA_VERSION: Final = _sql("SELECT version_num FROM holdfast.alembic_version")

# --- audit ---------------------------------------------------------------------------------------

# An audit reads whole tables, which daily connections are told to avoid: not in this transaction.
PLAN_FREELY: Final = _sql("""
SELECT set_config(name, setting, true)
  FROM (VALUES ('enable_seqscan', 'on'), ('enable_hashjoin', 'on'), ('enable_mergejoin', 'on'),
               ('plan_cache_mode', 'auto')) AS s(name, setting)
""")

# I1: 0 <= reserved <= total. The constraints hold it; this is the check that they are there.
AUDIT_WITHIN_TOTAL: Final = _sql("""
SELECT sku || ' at ' || location AS subject,
       format('total %s, reserved %s', total_quantity, reserved_quantity) AS finding
  FROM holdfast.stock_items
 WHERE NOT (0 <= reserved_quantity AND reserved_quantity <= total_quantity)
 ORDER BY id
 LIMIT :breaches_max
""")

# I2: reserved = the sum of its lines whose reservation is held. OFFSET 0 makes Postgres look up
# the lines of each open hold; beside a long history it would rather read all lines there ever were.
AUDIT_RESERVED_IS_HELD: Final = _sql("""
WITH held AS (
    SELECT l.stock_item_id, sum(l.quantity) AS quantity
      FROM holdfast.reservations AS r,
           LATERAL (SELECT stock_item_id, quantity
                      FROM holdfast.reservation_lines
                     WHERE reservation_id = r.id
                    OFFSET 0) AS l
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
