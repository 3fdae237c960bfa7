"""Reserving what fits, and closing, as functions: one call where each step was a statement.

Called by itself each is one transaction, whose locks no worker holds while it thinks or is frozen.

Expands only: workers of the version before go on with statements of their own, in the same order of
locks. A later version that changes a function must keep what this one's workers call.

The statements are those of :mod:`activities.inventory.statements`, under the same rules: the clock
is read after the locks, and keys are looked up in a shape that leaves no other plan than a look-up
for each, because these plans are kept as well.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Take ids that nobody has used, as closed rows that hold nothing, and return them. Waits for anyone
# who is just now taking the same id. What is left out is what a claim of `reserve` has.
_CLAIM = """
CREATE FUNCTION holdfast.claim_reservations(
    ids text[], checkout_ids text[], statuses text[], customer_ids text[], cart_ids text[],
    reasons text[], actors text[], digests text[])
RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    claimed text[];
BEGIN
    WITH fresh AS (
        INSERT INTO holdfast.reservations
               (id, checkout_id, status, customer_id, cart_id, reason, actor, request_digest,
                created_at, closed_at)
        SELECT c.id, c.checkout_id, coalesce(c.status, 'denied'), c.customer_id, c.cart_id,
               coalesce(c.reason, ''), coalesce(c.actor, ''), c.digest, moment.at, moment.at
          FROM unnest(ids, checkout_ids, statuses, customer_ids, cart_ids, reasons, actors, digests)
               AS c(id, checkout_id, status, customer_id, cart_id, reason, actor, digest),
               (SELECT holdfast.clock() AS at OFFSET 0) AS moment
         ORDER BY c.id COLLATE "C"
            ON CONFLICT (id) DO NOTHING
        RETURNING id
    )
    SELECT coalesce(array_agg(fresh.id), '{}') FROM fresh INTO claimed;
    RETURN claimed;
END $$
"""

# Turn claims into holds: deadline, lines, movements and reserved quantities. Their stock is locked.
_GRANT = """
CREATE FUNCTION holdfast.grant_reservations(
    at timestamptz, ids text[], seconds integer[],
    line_ids text[], line_items bigint[], line_quantities bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH granted AS (
        UPDATE holdfast.reservations AS r
           SET status = 'held', created_at = at, closed_at = NULL,
               expires_at = at + make_interval(secs => g.seconds)
          FROM unnest(ids, seconds) AS g(id, seconds)
         WHERE r.id = ANY(ARRAY[g.id])
    ), line AS (
        SELECT *
          FROM unnest(line_ids, line_items, line_quantities)
               AS l(reservation_id, stock_item_id, quantity)
    ), written AS (
        INSERT INTO holdfast.reservation_lines (reservation_id, stock_item_id, quantity)
        SELECT reservation_id, stock_item_id, quantity FROM line
    ), moved AS (
        INSERT INTO holdfast.stock_movements
               (stock_item_id, reservation_id, kind, total_delta, reserved_delta, created_at)
        SELECT stock_item_id, reservation_id, 'reserve', 0, quantity, at FROM line
    )
    UPDATE holdfast.stock_items AS s
       SET reserved_quantity = s.reserved_quantity + d.quantity, updated_at = at
      FROM (SELECT stock_item_id, sum(quantity)::bigint AS quantity FROM line GROUP BY 1) AS d
     WHERE s.id = ANY(ARRAY[d.stock_item_id]);
END $$
"""

# Where every id is new and all that they want can be had, hold it all and say when; else do nothing
# and return NULL: there is something to decide, and that is not done here. It looks before it
# writes, so what must be decided is nearly always seen while there is nothing to undo yet. The
# figures that count are those after the wait for the locks: whoever came in between makes it fail,
# and that undoes the claims.
_RESERVE = """
CREATE FUNCTION holdfast.reserve_what_fits(
    ids text[], checkout_ids text[], customer_ids text[], cart_ids text[], digests text[],
    seconds integer[],
    line_ids text[], line_skus text[], line_locations text[], line_quantities bigint[])
RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    items bigint[];
    fits boolean;
    at timestamptz;
BEGIN
    IF EXISTS (SELECT FROM holdfast.reservations AS r WHERE r.id = ANY(ids)) THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(s.id ORDER BY l.place),
           bool_and(s.active AND s.total_quantity - s.reserved_quantity >= l.quantity)
      FROM unnest(line_skus, line_locations, line_quantities) WITH ORDINALITY
           AS l(sku, location, quantity, place)
      LEFT JOIN LATERAL (SELECT id, active, total_quantity, reserved_quantity
                           FROM holdfast.stock_items
                          WHERE sku = l.sku AND location = l.location
                         OFFSET 0) AS s ON true
      INTO items, fits;
    IF NOT fits OR array_position(items, NULL) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    IF cardinality(holdfast.claim_reservations(
           ids, checkout_ids, NULL, customer_ids, cart_ids, NULL, NULL, digests))
       < cardinality(ids) THEN
        RAISE 'an id was taken meanwhile: decide' USING ERRCODE = 'HF001';
    END IF;
    SELECT bool_and(stock.active AND stock.available >= stock.wanted)
      FROM (SELECT s.active, s.total_quantity - s.reserved_quantity AS available,
                   w.quantity AS wanted
              FROM (SELECT l.item, sum(l.quantity) AS quantity
                      FROM unnest(items, line_quantities) AS l(item, quantity)
                     GROUP BY 1) AS w
              JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[w.item])
             ORDER BY s.id
               FOR NO KEY UPDATE OF s) AS stock
      INTO fits;
    IF NOT fits THEN
        RAISE 'the stock does not suffice for all: decide' USING ERRCODE = 'HF001';
    END IF;
    at := holdfast.clock();
    PERFORM holdfast.grant_reservations(at, ids, seconds, line_ids, items, line_quantities);
    RETURN at;
END $$
"""

# End holds, each at most once, and tell of those that it ended. Ids that nobody has used become
# tombstones. Only what is held moves, and only what is overdue expires. Fulfil lowers total and
# reserved together; cancel and expire lower reserved alone. Where somebody has written wrong
# figures by hand, an ending still goes through: the movements stay exact, the figures stop at their
# bounds, and the audit names the difference. What is held is told by `closed_at IS NULL`, which a
# constraint keeps the same: asked for its status, Postgres might walk the index of all open holds.
_CLOSE = """
CREATE FUNCTION holdfast.close_reservations(
    ids text[], checkout_ids text[], statuses text[], reasons text[], actors text[],
    payment_references text[])
RETURNS TABLE (
    id text, status text, reason text, actor text, closed_at timestamptz, payment_reference text,
    lines jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM holdfast.claim_reservations(
        ids, checkout_ids,
        -- Nothing was held, so nothing can have been sold.
        ARRAY(SELECT CASE s.status WHEN 'cancelled' THEN 'cancelled' ELSE 'expired' END
                FROM unnest(statuses) WITH ORDINALITY AS s(status, place) ORDER BY s.place),
        NULL, NULL, reasons, actors, NULL);
    PERFORM 1
       FROM holdfast.reservations AS r
      WHERE r.id = ANY(ids)
      ORDER BY r.id
        FOR NO KEY UPDATE;
    -- The stock of their lines, which never change.
    PERFORM 1
       FROM holdfast.stock_items AS s
      WHERE s.id = ANY(ARRAY(
            SELECT l.stock_item_id
              FROM holdfast.reservation_lines AS l
             WHERE l.reservation_id = ANY(ids)))
      ORDER BY s.id
        FOR NO KEY UPDATE;
    RETURN QUERY
    WITH moment AS MATERIALIZED (
        SELECT holdfast.clock() AS at
    ), closed AS (
        UPDATE holdfast.reservations AS r
           SET status = c.status, closed_at = moment.at, reason = c.reason, actor = c.actor,
               payment_reference = c.payment_reference
          FROM unnest(ids, statuses, reasons, actors, payment_references)
               AS c(id, status, reason, actor, payment_reference), moment
         WHERE r.id = ANY(ARRAY[c.id])
           AND r.closed_at IS NULL
           AND (c.status <> 'expired' OR r.expires_at <= moment.at)
        RETURNING r.id, r.status, r.reason, r.actor, r.closed_at, r.payment_reference
    ), gone AS (
        SELECT c.id, c.status, c.reason, c.actor, c.closed_at, l.stock_item_id, l.quantity,
               CASE WHEN c.status = 'fulfilled' THEN l.quantity ELSE 0 END AS sold
          FROM closed AS c
          JOIN holdfast.reservation_lines AS l ON l.reservation_id = ANY(ARRAY[c.id])
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
         WHERE s.id = ANY(ARRAY[d.stock_item_id])
    )
    SELECT c.id, c.status, c.reason, c.actor, c.closed_at, c.payment_reference,
           coalesce(
               (SELECT jsonb_agg(jsonb_build_object(
                           'sku', s.sku, 'location', s.location, 'quantity', l.quantity)
                           ORDER BY s.sku COLLATE "C", s.location COLLATE "C")
                  FROM holdfast.reservation_lines AS l
                  JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[l.stock_item_id])
                 WHERE l.reservation_id = c.id),
               '[]')
      FROM closed AS c;
END $$
"""


def upgrade() -> None:
    for function in (_CLAIM, _GRANT, _RESERVE, _CLOSE):
        op.execute(function)


def downgrade() -> None:
    for name in (
        "close_reservations",
        "reserve_what_fits",
        "grant_reservations",
        "claim_reservations",
    ):
        op.execute(f"DROP FUNCTION holdfast.{name}")
