-- The one clock of the ledger: the time of reading, not that of the transaction's begin. A function
-- of its own, so that a test can turn it.
CREATE FUNCTION holdfast.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE
AS 'SELECT clock_timestamp()';

-- Whether a text may name a stock item: nobody would see another one in it. Refused are the
-- characters that the client's messages refuse, and spaces at the ends.
CREATE FUNCTION holdfast.is_id(id text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT id !~ (
        '^ | $|['
        -- Controls, and what turns round the text after it.
        '\u0001-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069'
        -- Other spaces.
        '\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000'
        -- What leaves nothing on the screen.
        '\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065'
        '\u206a-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00016fe4'
        '\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]')
$$;

-- What the shop has, a row for each SKU at each location. Every rule that one row can state is a
-- named CHECK, so that no code path, and no hand in a SQL console, can break it.
CREATE TABLE holdfast.stock_items (
    id bigint GENERATED ALWAYS AS IDENTITY,
    sku text NOT NULL,
    location text NOT NULL DEFAULT 'main',
    name text NOT NULL DEFAULT '',
    active boolean NOT NULL DEFAULT true,
    total_quantity bigint NOT NULL DEFAULT 0,
    reserved_quantity bigint NOT NULL DEFAULT 0,
    -- How many of the reserved units the code of an adopted shop has, and not a checkout.
    shop_reserved bigint NOT NULL DEFAULT 0,
    -- What new holds leave on the shelf.
    safety_quantity bigint NOT NULL DEFAULT 0,
    available_quantity bigint NOT NULL
        GENERATED ALWAYS AS (total_quantity - reserved_quantity) STORED,
    -- What new holds may take. The rule, the functions and the views compare with this alone.
    for_sale_quantity bigint NOT NULL GENERATED ALWAYS AS (
        CASE WHEN active
             THEN greatest(total_quantity - reserved_quantity - safety_quantity, 0)
             ELSE 0
        END) STORED,
    -- One more with each movement.
    revision bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT holdfast.clock(),
    updated_at timestamptz NOT NULL DEFAULT holdfast.clock(),
    CONSTRAINT stock_items_pkey PRIMARY KEY (id),
    CONSTRAINT stock_items_sku_location_key UNIQUE (sku, location),
    CONSTRAINT stock_items_total_not_negative CHECK (total_quantity >= 0),
    CONSTRAINT stock_items_reserved_not_negative CHECK (reserved_quantity >= 0),
    CONSTRAINT stock_items_reserved_within_total CHECK (reserved_quantity <= total_quantity),
    CONSTRAINT stock_items_shop_reserved_not_negative CHECK (shop_reserved >= 0),
    CONSTRAINT stock_items_safety_not_negative CHECK (safety_quantity >= 0),
    CONSTRAINT stock_items_sku_length CHECK (length(sku) BETWEEN 1 AND 100),
    CONSTRAINT stock_items_location_length CHECK (length(location) BETWEEN 1 AND 100),
    -- Two spellings that look the same would be two stock items.
    CONSTRAINT stock_items_key_is_composed
        CHECK (sku IS NFC NORMALIZED AND location IS NFC NORMALIZED),
    CONSTRAINT stock_items_key_is_seen CHECK (holdfast.is_id(sku) AND holdfast.is_id(location))
)
-- Room on each page, so that the frequent change of a quantity stays on it and off the indexes.
WITH (fillfactor = 50);

-- Numbers of operations. A reservation's number is that of the operation that made it.
CREATE SEQUENCE holdfast.operation_sequence;

-- What checkouts hold, held or were denied: a row for each attempt of each checkout. Two of its
-- operations are its own columns, because nearly every checkout has them: the reserve that made it
-- and the ending; a third is the payment of one that is committed. The view `operations` tells them
-- with all others.
CREATE TABLE holdfast.reservations (
    id bigint NOT NULL DEFAULT nextval('holdfast.operation_sequence'),
    -- The order of ids is part of the order of locks, so it must not depend on a locale.
    checkout_id text COLLATE "C" NOT NULL,
    attempt integer NOT NULL DEFAULT 1,
    status text NOT NULL,
    customer_id text,
    cart_id text,
    expires_at timestamptz,
    paying_until timestamptz,
    -- The one deadline by which holds are ended.
    ends_at timestamptz GENERATED ALWAYS AS (
        CASE WHEN status = 'held' THEN greatest(expires_at, paying_until) END) STORED,
    created_at timestamptz NOT NULL,
    -- Of one that has taken over another's units: when that began. Null where it began by itself.
    held_since timestamptz,
    -- The checkout that has taken its units over.
    superseded_by text COLLATE "C",
    -- When it was paid with its goods still on the shelf, by whom if anybody said, and the number
    -- of that operation.
    committed_at timestamptz,
    committed_by text,
    committing bigint,
    closed_at timestamptz,
    -- The number of the operation that ended it, where that is no record of its own.
    closing bigint,
    reason text NOT NULL DEFAULT '',
    actor text NOT NULL DEFAULT '',
    payment_reference text,
    -- Tells a repeated request from a different one under the same id. Null in a tombstone.
    digest bytea,
    -- One more with each change of its lines.
    revision integer NOT NULL DEFAULT 1,
    -- What a denied request lacked: the answer to give again, and the record of lost demand.
    shortages jsonb,
    CONSTRAINT reservations_pkey PRIMARY KEY (id),
    CONSTRAINT reservations_checkout_id_attempt_key UNIQUE (checkout_id, attempt),
    CONSTRAINT reservations_status_known CHECK (
        status IN ('held', 'committed', 'denied', 'fulfilled', 'cancelled', 'expired')),
    CONSTRAINT reservations_open_is_not_closed CHECK (
        (status IN ('held', 'committed')) = (closed_at IS NULL)),
    CONSTRAINT reservations_held_has_deadline CHECK (
        status <> 'held' OR expires_at IS NOT NULL),
    CONSTRAINT reservations_paid_has_payment CHECK (
        status NOT IN ('committed', 'fulfilled') OR payment_reference IS NOT NULL),
    CONSTRAINT reservations_when_committed CHECK (
        status <> 'committed' OR committed_at IS NOT NULL),
    CONSTRAINT reservations_superseded_is_cancelled CHECK (
        superseded_by IS NULL OR status = 'cancelled')
);

-- Holds only what is open, so looking for overdue holds costs the same however many are closed.
CREATE INDEX reservations_open_by_deadline ON holdfast.reservations (ends_at)
    WHERE ends_at IS NOT NULL;

CREATE INDEX reservations_denied_by_time ON holdfast.reservations (created_at)
    WHERE shortages IS NOT NULL;

-- What is to be packed, the oldest first.
CREATE INDEX reservations_committed ON holdfast.reservations (committed_at)
    WHERE status = 'committed';

-- The units of a stock item that a reservation took, and what became of them.
CREATE TABLE holdfast.reservation_lines (
    reservation_id bigint NOT NULL,
    stock_item_id bigint NOT NULL,
    -- The reservation's, here too so that the open lines of an item are found by deadline.
    ends_at timestamptz,
    -- What is open.
    quantity bigint NOT NULL,
    fulfilled_quantity bigint NOT NULL DEFAULT 0,
    released_quantity bigint NOT NULL DEFAULT 0,
    taken_quantity bigint NOT NULL,
    returned_quantity bigint NOT NULL DEFAULT 0,
    CONSTRAINT reservation_lines_pkey PRIMARY KEY (reservation_id, stock_item_id),
    CONSTRAINT reservation_lines_reservation_id_fkey
        FOREIGN KEY (reservation_id) REFERENCES holdfast.reservations (id),
    CONSTRAINT reservation_lines_quantities_add_up CHECK (
        quantity + fulfilled_quantity + released_quantity = taken_quantity),
    CONSTRAINT reservation_lines_quantities_not_negative CHECK (
        quantity >= 0 AND fulfilled_quantity >= 0 AND released_quantity >= 0),
    CONSTRAINT reservation_lines_returned_within_fulfilled CHECK (
        returned_quantity BETWEEN 0 AND fulfilled_quantity)
);

CREATE INDEX reservation_lines_open ON holdfast.reservation_lines (stock_item_id, ends_at)
    WHERE quantity > 0;

-- What was asked for and what was answered, once for each id: every operation but those that are
-- columns of their reservation. What was refused is told by the answer's `status`, `refused`. Read
-- the view `operations`.
CREATE TABLE holdfast.operation_records (
    sequence bigint NOT NULL DEFAULT nextval('holdfast.operation_sequence'),
    operation_id text COLLATE "C" NOT NULL,
    reservation_id bigint,
    kind text NOT NULL,
    digest bytea,
    -- Null only within the transaction that decides.
    answer jsonb,
    reason text NOT NULL DEFAULT '',
    actor text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    CONSTRAINT operation_records_pkey PRIMARY KEY (sequence),
    CONSTRAINT operation_records_reservation_id_fkey
        FOREIGN KEY (reservation_id) REFERENCES holdfast.reservations (id),
    CONSTRAINT operation_records_id_length CHECK (length(operation_id) BETWEEN 1 AND 200)
);

-- Within a reservation an id is used once for each kind, beside reservations once.
CREATE UNIQUE INDEX operation_records_of_reservation
    ON holdfast.operation_records (reservation_id, kind, operation_id)
    WHERE reservation_id IS NOT NULL;

CREATE UNIQUE INDEX operation_records_of_stock ON holdfast.operation_records (operation_id)
    WHERE reservation_id IS NULL;

-- Every change of a stock item's figures, one row for each operation and stock item.
CREATE TABLE holdfast.stock_movements (
    -- Given under the lock of the stock item, so an item's movements are in the order of their ids.
    id bigint GENERATED ALWAYS AS IDENTITY,
    stock_item_id bigint NOT NULL,
    -- The number of the operation that made it.
    operation bigint NOT NULL,
    reservation_id bigint,
    kind text NOT NULL,
    total_delta bigint NOT NULL,
    reserved_delta bigint NOT NULL,
    reason text NOT NULL DEFAULT '',
    actor text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    CONSTRAINT stock_movements_pkey PRIMARY KEY (stock_item_id, id),
    CONSTRAINT stock_movements_once_per_operation UNIQUE (operation, stock_item_id),
    CONSTRAINT stock_movements_stock_item_id_fkey
        FOREIGN KEY (stock_item_id) REFERENCES holdfast.stock_items (id),
    CONSTRAINT stock_movements_deltas_fit_the_kind CHECK (
        CASE kind
            WHEN 'receive' THEN total_delta > 0 AND reserved_delta = 0
            WHEN 'adjust' THEN total_delta <> 0 AND reserved_delta = 0
            WHEN 'count' THEN reserved_delta = 0
            WHEN 'activate' THEN total_delta = 0 AND reserved_delta = 0
            WHEN 'deactivate' THEN total_delta = 0 AND reserved_delta = 0
            WHEN 'reserve' THEN total_delta = 0 AND reserved_delta > 0
            WHEN 'amend' THEN total_delta = 0 AND reserved_delta <> 0
            WHEN 'supersede' THEN total_delta = 0 AND reserved_delta <> 0
            WHEN 'fulfil' THEN total_delta < 0 AND reserved_delta = total_delta
            WHEN 'release' THEN total_delta = 0 AND reserved_delta < 0
            WHEN 'cancel' THEN total_delta = 0 AND reserved_delta < 0
            WHEN 'expire' THEN total_delta = 0 AND reserved_delta < 0
            -- A row of a shop's that is taken in as it stands moves nothing.
            WHEN 'shop' THEN true
            ELSE false
        END),
    CONSTRAINT stock_movements_reservation_fits_the_kind CHECK (
        (reservation_id IS NOT NULL) = (kind IN (
            'reserve', 'amend', 'supersede', 'fulfil', 'release', 'cancel', 'expire')))
);

-- What became of each payment that was named, one row for a reference. A plain paid checkout writes
-- one, once, in its last state. Holdfast moves no money: it says where some is due back.
CREATE TABLE holdfast.payments (
    -- The order of references is part of the order of locks, so it must not depend on a locale.
    payment_reference text COLLATE "C" NOT NULL,
    -- The first checkout that named it; only a failed payment may move to another.
    checkout_id text COLLATE "C" NOT NULL,
    state text NOT NULL,
    -- Why it failed, or is due back.
    reason text NOT NULL DEFAULT '',
    actor text NOT NULL DEFAULT '',
    -- What kept an expired checkout from being held again for it; null where that was not tried.
    shortages jsonb,
    -- Until when its checkout waits for it. Null where it does not.
    paying_until timestamptz,
    created_at timestamptz NOT NULL,
    -- Since when it is in its state.
    changed_at timestamptz NOT NULL,
    CONSTRAINT payments_pkey PRIMARY KEY (payment_reference),
    CONSTRAINT payments_state_known CHECK (
        state IN ('started', 'failed', 'settled', 'refund_due', 'refunded')),
    CONSTRAINT payments_refund_has_reason CHECK (
        state NOT IN ('refund_due', 'refunded') OR reason <> ''),
    CONSTRAINT payments_waited_for_is_open CHECK (
        paying_until IS NULL OR state IN ('started', 'failed'))
);

-- A settled payment is found by its checkout's reservation, which names it.
CREATE INDEX payments_of_checkout ON holdfast.payments (checkout_id) WHERE state <> 'settled';

CREATE INDEX payments_refund_due ON holdfast.payments (changed_at) WHERE state = 'refund_due';

-- Change what is open of a reservation whose row is locked, by so much for each stock item,
-- recorded under the operation's id. Where the stock does not suffice it fails with HF001. Its
-- revision is one higher afterwards; its deadline stays. Returns when.
CREATE FUNCTION holdfast.amend_reservation(
    reservation bigint, operation_id text, digest text, answer jsonb, reason text, actor text,
    items bigint[], deltas bigint[])
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := holdfast.clock();
    number bigint;
BEGIN
    INSERT INTO holdfast.operation_records
           (operation_id, reservation_id, kind, digest, answer, reason, actor, created_at)
    SELECT amend_reservation.operation_id, reservation, 'amend',
           decode(amend_reservation.digest, 'hex'), amend_reservation.answer,
           amend_reservation.reason, amend_reservation.actor, at
    RETURNING sequence INTO number;
    UPDATE holdfast.reservations AS r SET revision = r.revision + 1 WHERE r.id = reservation;
    -- The same lines again move nothing.
    PERFORM holdfast.post_movements(
                array_agg(number), array_agg(reservation), array_agg(c.item),
                array_agg('amend'::text), array_agg(0::bigint), array_agg(c.delta),
                array_agg(amend_reservation.reason), array_agg(amend_reservation.actor))
       FROM unnest(items, deltas) AS c(item, delta)
     HAVING count(*) > 0;
    RETURN at;
END $$;

-- Record the answer that an operation was given, once.
CREATE FUNCTION holdfast.answer_operation(operation bigint, answer jsonb)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.operation_records AS o
       SET answer = answer_operation.answer
     WHERE o.sequence = answer_operation.operation AND o.answer IS NULL
$$;

-- Let holds begin at another moment than the one that was written.
CREATE FUNCTION holdfast.begin_holds(at timestamptz, ids bigint[], seconds integer[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.reservations AS r
       SET created_at = at, expires_at = at + make_interval(secs => h.seconds)
      FROM unnest(ids, seconds) AS h(id, seconds)
     WHERE r.id = ANY(ARRAY[h.id])
$$;

-- Take the id of an operation on stock that nobody has used, and return its number; NULL where it
-- is taken. Waits for anyone who is just now taking the same.
CREATE FUNCTION holdfast.claim_operation(
    operation_id text, kind text, digest text, reason text, actor text)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO holdfast.operation_records (operation_id, kind, digest, reason, actor, created_at)
    VALUES (operation_id, kind, decode(digest, 'hex'), reason, actor, holdfast.clock())
        ON CONFLICT (operation_id) WHERE reservation_id IS NULL DO NOTHING
    RETURNING sequence
$$;

-- Take the row of a payment for a checkout whose rows are locked, before stock is, and say what
-- state it has; NULL where it belongs to another checkout. A new one is started, until the
-- transaction decides.
CREATE FUNCTION holdfast.claim_payment(
    at timestamptz, payment_reference text, checkout_id text, actor text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    standing text;
BEGIN
    INSERT INTO holdfast.payments AS p
           (payment_reference, checkout_id, state, actor, created_at, changed_at)
    VALUES (claim_payment.payment_reference, claim_payment.checkout_id, 'started',
            claim_payment.actor, at, at)
        ON CONFLICT ON CONSTRAINT payments_pkey DO UPDATE
       SET checkout_id = excluded.checkout_id
     WHERE holdfast.is_nobodys(p.state, p.paying_until, at)
        OR p.checkout_id = excluded.checkout_id
    RETURNING p.state INTO standing;
    RETURN standing;
END $$;

-- Take checkout ids that nobody has used, as closed rows that hold nothing, and tell their numbers.
-- Waits for anyone who is just now taking the same id. A claim of `reserve` is a denial until it is
-- granted; one without a digest is a tombstone.
CREATE FUNCTION holdfast.claim_reservations(
    checkout_ids text[], statuses text[], customer_ids text[], cart_ids text[], digests text[],
    reasons text[], actors text[])
RETURNS TABLE (id bigint, checkout_id text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    INSERT INTO holdfast.reservations AS r
           (checkout_id, status, customer_id, cart_id, digest, reason, actor, created_at, closed_at)
    SELECT c.checkout_id, coalesce(c.status, 'denied'), c.customer_id, c.cart_id,
           decode(c.digest, 'hex'), coalesce(c.reason, ''), coalesce(c.actor, ''),
           moment.at, moment.at
      FROM unnest(checkout_ids, statuses, customer_ids, cart_ids, digests, reasons, actors)
           AS c(checkout_id, status, customer_id, cart_id, digest, reason, actor),
           (SELECT holdfast.clock() AS at OFFSET 0) AS moment
     WHERE NOT EXISTS (SELECT FROM holdfast.reservations AS k
                        WHERE k.checkout_id = c.checkout_id OFFSET 0)
     ORDER BY c.checkout_id COLLATE "C"
        ON CONFLICT (checkout_id, attempt) DO NOTHING
    RETURNING r.id, r.checkout_id;
END $$;

-- End holds and committed checkouts, each at most once, or commit holds; tell of those that it
-- changed. Their payments are put down first. Ids that nobody has used become tombstones. Only what
-- is open moves, only what is overdue expires, and who has paid already is not sold to again. What
-- ends after some of it was shipped is fulfilled, and the rest of it released.
CREATE FUNCTION holdfast.close_reservations(
    checkout_ids text[], statuses text[], reasons text[], actors text[], payment_references text[],
    attempts integer[], reinstatings boolean[], are_only_held boolean[],
    operation_ids text[])
RETURNS TABLE (
    checkout_id text, attempt integer, status text, reason text, actor text, closed_at timestamptz,
    payment_reference text, committed_at timestamptz, revision integer, lines jsonb,
    released jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    at timestamptz;
    settled text[];
    closed bigint[];
BEGIN
    IF EXISTS (SELECT FROM unnest(checkout_ids) AS c(checkout_id)
                WHERE NOT EXISTS (SELECT FROM holdfast.reservations AS k
                                   WHERE k.checkout_id = c.checkout_id OFFSET 0)) THEN
        PERFORM holdfast.claim_reservations(
            checkout_ids,
            -- Nothing was held, so nothing can have been sold.
            ARRAY(SELECT CASE s.status WHEN 'cancelled' THEN 'cancelled' ELSE 'expired' END
                    FROM unnest(statuses) WITH ORDINALITY AS s(status, place) ORDER BY s.place),
            NULL, NULL, NULL, reasons, actors);
    END IF;
    PERFORM holdfast.lock_reservations(checkout_ids);
    at := holdfast.clock();
    IF true = ANY(are_only_held) THEN
        -- What is paid already is left alone: an expiry comes to nothing there.
        statuses := ARRAY(
            SELECT CASE WHEN w.is_only_held AND EXISTS (
                             SELECT FROM holdfast.reservations AS r
                              WHERE r.checkout_id = w.checkout_id AND r.status = 'committed')
                        THEN 'expired' ELSE w.status END
              FROM unnest(checkout_ids, statuses, are_only_held) WITH ORDINALITY
                   AS w(checkout_id, status, is_only_held, place)
             ORDER BY w.place);
    END IF;
    IF statuses && ARRAY['fulfilled', 'committed', 'cancelled'] THEN
        settled := holdfast.put_down_payments(
            at, checkout_ids, statuses, payment_references, actors, attempts, reinstatings,
            operation_ids);
    END IF;
    WITH ended AS (
        UPDATE holdfast.reservations AS r
           SET status = CASE WHEN r.status = 'committed' AND EXISTS (
                                  SELECT FROM holdfast.reservation_lines AS l
                                   WHERE l.reservation_id = r.id AND l.fulfilled_quantity > 0)
                             THEN 'fulfilled' ELSE c.status END,
               closed_at = CASE WHEN c.status <> 'committed' THEN at END,
               closing = CASE WHEN c.status <> 'committed'
                              THEN nextval('holdfast.operation_sequence') END,
               committed_at = CASE c.status WHEN 'committed' THEN at ELSE r.committed_at END,
               committed_by = CASE c.status WHEN 'committed' THEN nullif(c.actor, '')
                                            ELSE r.committed_by END,
               committing = CASE c.status WHEN 'committed'
                                          THEN nextval('holdfast.operation_sequence')
                                          ELSE r.committing END,
               reason = c.reason, actor = c.actor,
               payment_reference = coalesce(r.payment_reference, c.payment_reference)
          FROM unnest(checkout_ids, statuses, reasons, actors, payment_references, attempts)
               AS c(checkout_id, status, reason, actor, payment_reference, attempt)
         WHERE r.checkout_id = ANY(ARRAY[c.checkout_id])
           AND r.closed_at IS NULL
           -- Who speaks of an attempt that is over changes no later one.
           AND (c.attempt IS NULL OR r.attempt = c.attempt)
           AND (c.status = 'cancelled' OR r.status = 'held')
           AND (c.status <> 'expired' OR r.ends_at <= at)
           -- Not by a payment of another checkout, or one that is due back.
           AND (c.payment_reference IS NULL OR c.checkout_id = ANY(settled))
        RETURNING r.id
    )
    SELECT array_agg(id) FROM ended INTO closed;
    IF closed IS NULL THEN
        RETURN;
    END IF;
    PERFORM holdfast.post_movements(
                array_agg(r.closing), array_agg(r.id), array_agg(l.stock_item_id),
                array_agg(CASE WHEN r.status = 'cancelled' THEN 'cancel'
                               WHEN r.status = 'expired' THEN 'expire'
                               WHEN r.committing IS NULL THEN 'fulfil' ELSE 'release' END),
                array_agg(CASE WHEN r.status = 'fulfilled' AND r.committing IS NULL
                               THEN -l.quantity ELSE 0 END),
                array_agg(-l.quantity), array_agg(r.reason), array_agg(r.actor))
       FROM holdfast.reservations AS r,
            LATERAL (SELECT stock_item_id, quantity
                       FROM holdfast.reservation_lines
                      WHERE reservation_id = r.id
                     OFFSET 0) AS l
      WHERE r.id = ANY(closed) AND r.status <> 'committed' AND l.quantity > 0
     HAVING count(*) > 0;
    RETURN QUERY
    SELECT r.checkout_id, r.attempt, r.status, r.reason, r.actor, r.closed_at, r.payment_reference,
           r.committed_at, r.revision,
           CASE WHEN r.status IN ('committed', 'fulfilled')
                THEN holdfast.lines_of(r.id, r.status) ELSE '[]' END,
           -- Without a change of its lines and without shipments nothing was given back.
           CASE WHEN r.status = 'fulfilled' AND (r.revision > 1 OR r.committing IS NOT NULL)
                THEN holdfast.lines_of(r.id, 'released') ELSE '[]' END
      FROM holdfast.reservations AS r
     WHERE r.id = ANY(closed);
END $$;

-- The lines of a reservation have its deadline, whoever moves it or takes it away. What is over has
-- nothing open that anybody would look for.
CREATE FUNCTION holdfast.copy_deadline() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE holdfast.reservation_lines SET ends_at = NEW.ends_at WHERE reservation_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER reservations_copy_deadline
AFTER UPDATE OF status, expires_at, paying_until ON holdfast.reservations
FOR EACH ROW WHEN (OLD.ends_at IS DISTINCT FROM NEW.ends_at AND NEW.closed_at IS NULL)
EXECUTE FUNCTION holdfast.copy_deadline();

-- New stock items with no stock yet, and their ids; those that exist stay as they are.
CREATE FUNCTION holdfast.create_stock_items(skus text[], locations text[])
RETURNS SETOF bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO holdfast.stock_items (sku, location)
    SELECT n.sku, n.location
      FROM unnest(skus, locations) AS n(sku, location)
     WHERE NOT EXISTS (SELECT FROM holdfast.stock_items AS s
                        WHERE s.sku = n.sku AND s.location = n.location OFFSET 0)
     ORDER BY n.sku COLLATE "C", n.location COLLATE "C"
        ON CONFLICT (sku, location) DO NOTHING
    RETURNING id
$$;

-- Record what denied claims lacked.
CREATE FUNCTION holdfast.deny_reservations(at timestamptz, ids bigint[], lacking jsonb[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.reservations AS r
       SET shortages = d.shortages, created_at = at, closed_at = at
      FROM unnest(ids, lacking) AS d(id, shortages)
     WHERE r.id = ANY(ARRAY[d.id]) AND r.status = 'denied'
$$;

-- Move the deadlines of holds and record who asked for it. Their rows are locked.
CREATE FUNCTION holdfast.extend_reservations(
    at timestamptz, ids bigint[], operation_ids text[], deadlines timestamptz[], answers jsonb[],
    reasons text[], actors text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO holdfast.operation_records
           (operation_id, reservation_id, kind, answer, reason, actor, created_at)
    SELECT o.operation_id, o.id, 'extend', o.answer, o.reason, o.actor, at
      FROM unnest(operation_ids, ids, answers, reasons, actors)
           AS o(operation_id, id, answer, reason, actor);
    UPDATE holdfast.reservations AS r
       SET expires_at = m.deadline
      FROM (SELECT d.id, max(d.deadline) AS deadline
              FROM unnest(ids, deadlines) AS d(id, deadline) GROUP BY 1) AS m
     WHERE r.id = ANY(ARRAY[m.id]) AND r.status = 'held';
END $$;

-- What breaks I5, in the switches that hold it up or, where `rows` says so, in the figures too.
-- Nothing is adopted: nothing does. `adopt apply` puts its own in this one's place.
CREATE FUNCTION holdfast.find_shop_breaches(rows boolean, breaches_max integer)
RETURNS TABLE (subject text, finding text) LANGUAGE plpgsql AS $$
BEGIN
END $$;

-- Follow the words of an adopted shop's rows that wait for it, and say whether to look again for
-- these stock items by these SKUs. Nothing is adopted: nothing waits. `adopt apply` puts its own in
-- this one's place.
CREATE FUNCTION holdfast.follow_late_words(items bigint[], skus text[])
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN false;
END $$;

-- Turn claims into holds from a moment on, with the lines that were picked.
CREATE FUNCTION holdfast.hold_reservations(
    at timestamptz, ids bigint[], seconds integer[],
    line_ids bigint[], line_items bigint[], line_quantities bigint[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claims integer;
BEGIN
    UPDATE holdfast.reservations AS r
       SET status = 'held', created_at = at, closed_at = NULL,
           expires_at = at + make_interval(secs => g.seconds)
      FROM unnest(ids, seconds) AS g(id, seconds)
     WHERE r.id = ANY(ARRAY[g.id]) AND r.status = 'denied';
    GET DIAGNOSTICS claims = ROW_COUNT;
    IF claims <> cardinality(ids) THEN
        RAISE 'what is to be held is no claim' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM holdfast.post_movements(
        line_ids, line_ids, line_items, array_fill('reserve'::text, ARRAY[cardinality(line_ids)]),
        array_fill(0::bigint, ARRAY[cardinality(line_ids)]), line_quantities, NULL, NULL);
END $$;

-- Whether any checkout may take a payment: it has failed, and has not been started again since.
CREATE FUNCTION holdfast.is_nobodys(state text, paying_until timestamptz, at timestamptz)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT state = 'failed' AND coalesce(paying_until <= at, true)
$$;

-- Keep what a payment that came late lacked, whose row is claimed: it is to be due back in this
-- transaction, and who asks again is told the same.
CREATE FUNCTION holdfast.keep_shortages(payment_reference text, shortages jsonb)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.payments AS p
       SET shortages = keep_shortages.shortages
     WHERE p.payment_reference = keep_shortages.payment_reference
       AND p.state IN ('started', 'failed')
$$;

-- The lines of a reservation as answers tell them: what left where it is fulfilled, what was given
-- back where that is asked for (`released`), else what is open.
CREATE FUNCTION holdfast.lines_of(reservation bigint, status text)
RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- In plpgsql, for up to Postgres 17 a function in SQL is planned anew in each statement.
    RETURN (
        SELECT coalesce(
                   jsonb_agg(jsonb_build_object(
                       'sku', s.sku, 'location', s.location, 'quantity', l.quantity)
                       ORDER BY s.sku COLLATE "C", s.location COLLATE "C"),
                   '[]')
          FROM (SELECT stock_item_id,
                       CASE status WHEN 'fulfilled' THEN fulfilled_quantity
                                   WHEN 'released' THEN released_quantity
                                   ELSE quantity END
                           AS quantity
                  FROM holdfast.reservation_lines
                 WHERE reservation_id = reservation
                OFFSET 0) AS l
          JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[l.stock_item_id])
         WHERE l.quantity > 0);
END $$;

-- Hold overdue reservations that nobody else is busy with, and tell their checkouts. Skips what is
-- locked, so it never waits. Leaves out some checkouts, and what has something open of some items.
CREATE FUNCTION holdfast.lock_overdue(
    grace_seconds double precision, batch_size_max integer, without_checkouts text[],
    without_items bigint[])
RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT r.checkout_id
      FROM holdfast.reservations AS r
     WHERE r.ends_at < (SELECT holdfast.clock()) - make_interval(secs => grace_seconds)
       AND r.checkout_id <> ALL(without_checkouts)
       AND (without_items = '{}'
            OR NOT EXISTS (SELECT FROM holdfast.reservation_lines AS l
                            WHERE l.reservation_id = r.id AND l.quantity > 0
                              AND l.stock_item_id = ANY(without_items)))
     ORDER BY r.ends_at, r.checkout_id
     LIMIT batch_size_max
       FOR NO KEY UPDATE SKIP LOCKED;
END $$;

-- Wait for, and hold, every attempt of these checkouts.
CREATE FUNCTION holdfast.lock_reservations(checkout_ids text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM holdfast.reservations AS r
      WHERE r.id = ANY(ARRAY(
            SELECT k.id
              FROM unnest(checkout_ids) AS c(checkout_id),
                   LATERAL (SELECT id FROM holdfast.reservations
                             WHERE checkout_id = c.checkout_id OFFSET 0) AS k))
      ORDER BY r.id
        FOR NO KEY UPDATE;
END $$;

-- Wait for, and hold, the rows in which an adopted shop keeps the figures of these stock items.
-- Nothing is adopted: there are none. `adopt apply` puts its own in this one's place.
CREATE FUNCTION holdfast.lock_shop_rows(items bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
END $$;

-- Wait for, and hold, the stock items of these SKUs and locations, before them the rows of an
-- adopted shop. The figures told are those after the wait, and so is the time: it is read row by
-- row, each after its lock, and the last is the latest. Which items are meant is found without a
-- lock, because ids never change; where an adopted shop has given their SKUs to others meanwhile,
-- it is to be asked again.
CREATE FUNCTION holdfast.lock_stock(skus text[], locations text[])
RETURNS TABLE (
    id bigint, sku text, location text, name text, active boolean, total_quantity bigint,
    reserved_quantity bigint, for_sale_quantity bigint, at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    ids bigint[];
BEGIN
    PERFORM holdfast.follow_late_words(NULL, NULL);
    ids := ARRAY(
        SELECT i.id
          FROM unnest(skus, locations) AS w(sku, location),
               LATERAL (SELECT id
                          FROM holdfast.stock_items
                         WHERE sku = w.sku AND location = w.location
                        OFFSET 0) AS i);
    PERFORM holdfast.lock_shop_rows(ids);
    IF holdfast.follow_late_words(ids, skus) THEN
        RAISE 'the shop has renamed what was to be locked: ask again'
            USING ERRCODE = 'lock_not_available';
    END IF;
    RETURN QUERY
    SELECT stock.*, holdfast.clock()
      FROM (SELECT s.id, s.sku, s.location, s.name, s.active, s.total_quantity, s.reserved_quantity,
                   s.for_sale_quantity
              FROM holdfast.stock_items AS s
             WHERE s.id = ANY(ids)
             ORDER BY s.id
               FOR NO KEY UPDATE) AS stock;
END $$;

-- Change totals, or what is for sale, as one operation that waits for its answer. It is all that
-- the role of a worker may post by itself: what moves units of a checkout follows from its
-- reservation.
CREATE FUNCTION holdfast.move_totals(
    operation bigint, items bigint[], kinds text[], deltas bigint[], reason text, actor text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    postings CONSTANT integer := cardinality(items);
BEGIN
    IF NOT kinds <@ ARRAY['receive', 'adjust', 'count', 'activate', 'deactivate']
       OR NOT EXISTS (SELECT FROM holdfast.operation_records AS o
                       WHERE o.sequence = operation AND o.reservation_id IS NULL
                         AND o.answer IS NULL) THEN
        RAISE 'no operation on stock waits for these movements'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM holdfast.post_movements(
        array_fill(operation, ARRAY[postings]), NULL, items, kinds, deltas,
        array_fill(0::bigint, ARRAY[postings]), array_fill(reason, ARRAY[postings]),
        array_fill(actor, ARRAY[postings]));
    PERFORM holdfast.set_active(p.item, p.kind = 'activate')
       FROM unnest(items, kinds) AS p(item, kind)
      WHERE p.kind IN ('activate', 'deactivate');
END $$;

-- Record whose carts claims are for, where their requests name nobody.
CREATE FUNCTION holdfast.name_customers(ids bigint[], customer_ids text[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.reservations AS r
       SET customer_id = c.customer_id
      FROM unnest(ids, customer_ids) AS c(id, customer_id)
     WHERE r.id = ANY(ARRAY[c.id]) AND r.status = 'denied' AND r.customer_id IS NULL
$$;

-- Give stock items their names.
CREATE FUNCTION holdfast.name_stock_items(ids bigint[], names text[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.stock_items AS s
       SET name = n.name
      FROM unnest(ids, names) AS n(id, name)
     WHERE s.id = ANY(ARRAY[n.id]) AND s.name <> n.name
$$;

-- Take units out of an open reservation whose row is locked, each kind of it (`fulfil`, `release`)
-- recorded under the operation's id, and end the reservation where `ending` says how. Where nothing
-- of it was shipped, its payment is due back then. Returns when.
--
-- `kind_numbers` says to which of the kinds a posting belongs, from 1. A revision is counted where
-- anything was released: then its lines are others than before.
CREATE FUNCTION holdfast.part_reservation(
    reservation bigint, operation_id text, kinds text[], digest text, answers jsonb[],
    reason text, actor text, kind_numbers integer[], items bigint[], quantities bigint[], ending text)
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := holdfast.clock();
    numbers bigint[];
BEGIN
    numbers := ARRAY(SELECT nextval('holdfast.operation_sequence')
                       FROM generate_series(1, cardinality(kinds)));
    INSERT INTO holdfast.operation_records
           (sequence, operation_id, reservation_id, kind, digest, answer, reason, actor, created_at)
    SELECT k.number, part_reservation.operation_id, reservation, k.kind,
           decode(part_reservation.digest, 'hex'), k.answer, part_reservation.reason,
           part_reservation.actor, at
      FROM unnest(numbers, kinds, answers) AS k(number, kind, answer);
    UPDATE holdfast.reservations AS r
       SET revision = r.revision + ('release' = ANY(kinds))::integer,
           status = coalesce(ending, r.status),
           closed_at = CASE WHEN ending IS NOT NULL THEN at END,
           reason = CASE WHEN ending IS NULL THEN r.reason ELSE part_reservation.reason END,
           actor = CASE WHEN ending IS NULL THEN r.actor ELSE part_reservation.actor END
     WHERE r.id = reservation;
    UPDATE holdfast.payments AS p
       SET state = 'refund_due', reason = 'cancelled', actor = part_reservation.actor,
           changed_at = at
     WHERE ending = 'cancelled'
       AND p.state = 'settled'
       AND p.payment_reference = (SELECT r.payment_reference FROM holdfast.reservations AS r
                                   WHERE r.id = reservation);
    PERFORM holdfast.post_movements(
                array_agg(numbers[p.kind_number]), array_agg(reservation), array_agg(p.item),
                array_agg(CASE WHEN ending = 'cancelled' THEN 'cancel' ELSE kinds[p.kind_number] END),
                array_agg(CASE kinds[p.kind_number] WHEN 'fulfil' THEN -p.quantity ELSE 0 END),
                array_agg(-p.quantity), array_agg(part_reservation.reason),
                array_agg(part_reservation.actor))
       FROM unnest(kind_numbers, items, quantities) AS p(kind_number, item, quantity);
    RETURN at;
END $$;

-- Let a hold wait for a payment until a moment, or with none not any more, on record under the
-- operation's id. The reservation's row is locked. Says whether the payment is the checkout's, or
-- nobody's: of another checkout nothing is written.
--
-- A hold waits for the last of its payments. One that ends is failed; a payment that nobody has
-- named ends without a trace.
CREATE FUNCTION holdfast.pause_hold(
    at timestamptz, reservation bigint, operation_id text, kind text, digest text, answer jsonb,
    actor text, payment_reference text, until timestamptz, reason text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checkout text;
    is_own boolean;
BEGIN
    SELECT r.checkout_id FROM holdfast.reservations AS r WHERE r.id = reservation INTO checkout;
    IF until IS NULL THEN
        UPDATE holdfast.payments AS p
           SET state = 'failed', reason = pause_hold.reason, actor = pause_hold.actor,
               paying_until = NULL, changed_at = at
         WHERE p.payment_reference = pause_hold.payment_reference
           AND p.checkout_id = checkout
           AND p.state IN ('started', 'failed');
    ELSE
        INSERT INTO holdfast.payments AS p
               (payment_reference, checkout_id, state, actor, paying_until, created_at, changed_at)
        VALUES (pause_hold.payment_reference, checkout, 'started', pause_hold.actor, until, at, at)
            ON CONFLICT ON CONSTRAINT payments_pkey DO UPDATE
           SET checkout_id = excluded.checkout_id, paying_until = excluded.paying_until
         WHERE holdfast.is_nobodys(p.state, p.paying_until, at)
            OR p.checkout_id = excluded.checkout_id AND p.state IN ('started', 'failed')
        RETURNING true INTO is_own;
        IF is_own IS NULL THEN
            RETURN false;
        END IF;
    END IF;
    INSERT INTO holdfast.operation_records
           (operation_id, reservation_id, kind, digest, answer, reason, actor, created_at)
    VALUES (pause_hold.operation_id, reservation, pause_hold.kind,
            decode(pause_hold.digest, 'hex'), pause_hold.answer, pause_hold.reason,
            pause_hold.actor, at);
    UPDATE holdfast.reservations AS r
       SET paying_until = (SELECT max(p.paying_until)
                             FROM holdfast.payments AS p
                            WHERE p.checkout_id = checkout AND p.state <> 'settled')
     WHERE r.id = reservation AND r.status = 'held';
    RETURN true;
END $$;

-- The one writer of stock: figures, movements and the quantities of lines. Every verb is a set of
-- postings, given as parallel arrays: operation, reservation (or null), stock item, kind, and by
-- how much total and reserved change. Returns when the stock was locked.
--
-- It locks the rows of an adopted shop, then the stock items by id, whoever has locked them before.
-- What new wants take must be for sale, else it fails with HF001 and nothing is written. A line
-- follows from its postings: `fulfil` fulfils, what lowers reserved otherwise releases, the rest is
-- taken. What the kind `shop` reserves is the shop's own.
--
-- Where somebody has written wrong figures by hand, what gives back still goes through: the
-- movements stay exact, the figures stop at their bounds, and the audit names the difference.
CREATE FUNCTION holdfast.post_movements(
    operations bigint[], reservations bigint[], items bigint[], kinds text[],
    total_deltas bigint[], reserved_deltas bigint[], reasons text[], actors text[])
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fits boolean;
    at timestamptz;
BEGIN
    -- Who posts for the shop has its rows.
    IF NOT 'shop' = ANY(kinds) THEN
        PERFORM holdfast.lock_shop_rows(items);
    END IF;
    SELECT bool_and(stock.for_sale >= stock.wanted)
      FROM (SELECT s.for_sale_quantity AS for_sale, w.wanted
              FROM (SELECT p.item,
                           CASE WHEN bool_or(p.kind IN ('reserve', 'amend', 'supersede'))
                                THEN greatest(sum(p.reserved_delta), 0) ELSE 0 END AS wanted
                      FROM unnest(items, kinds, reserved_deltas) AS p(item, kind, reserved_delta)
                     GROUP BY 1) AS w
              JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[w.item])
             ORDER BY s.id
               FOR NO KEY UPDATE OF s) AS stock
      INTO fits;
    IF NOT fits THEN
        RAISE 'the stock does not suffice for all: decide' USING ERRCODE = 'HF001';
    END IF;
    at := holdfast.clock();
    INSERT INTO holdfast.stock_movements
           (stock_item_id, operation, reservation_id, kind, total_delta, reserved_delta,
            reason, actor, created_at)
    SELECT p.item, p.operation, p.reservation, p.kind, p.total_delta, p.reserved_delta,
           coalesce(p.reason, ''), coalesce(p.actor, ''), at
      FROM unnest(operations, reservations, items, kinds, total_deltas, reserved_deltas,
                  reasons, actors)
           AS p(operation, reservation, item, kind, total_delta, reserved_delta, reason, actor);
    IF kinds && ARRAY['fulfil', 'release', 'cancel', 'expire', 'amend', 'supersede'] THEN
        UPDATE holdfast.reservation_lines AS l
           SET quantity = l.quantity + c.open,
               fulfilled_quantity = l.fulfilled_quantity + c.fulfilled,
               released_quantity = l.released_quantity + c.released,
               taken_quantity = l.taken_quantity + c.open + c.fulfilled + c.released
          FROM (SELECT p.reservation, p.item, sum(p.reserved_delta)::bigint AS open,
                       sum(CASE p.kind WHEN 'fulfil' THEN -p.total_delta ELSE 0 END)::bigint
                           AS fulfilled,
                       sum(CASE p.kind WHEN 'fulfil' THEN 0
                                       ELSE greatest(-p.reserved_delta, 0) END)::bigint AS released
                  FROM unnest(reservations, items, kinds, total_deltas, reserved_deltas)
                       AS p(reservation, item, kind, total_delta, reserved_delta)
                 WHERE p.reservation IS NOT NULL
                 GROUP BY 1, 2) AS c
         WHERE l.reservation_id = ANY(ARRAY[c.reservation])
           AND l.stock_item_id = ANY(ARRAY[c.item]);
    END IF;
    IF kinds && ARRAY['reserve', 'amend', 'supersede'] THEN
        INSERT INTO holdfast.reservation_lines
               (reservation_id, stock_item_id, ends_at, quantity, taken_quantity)
        SELECT p.reservation, p.item, r.ends_at, p.reserved_delta, p.reserved_delta
          FROM unnest(reservations, items, kinds, reserved_deltas)
               AS p(reservation, item, kind, reserved_delta),
               LATERAL (SELECT ends_at FROM holdfast.reservations
                         WHERE id = p.reservation OFFSET 0) AS r
         WHERE p.kind = 'reserve'
            OR p.kind IN ('amend', 'supersede') AND p.reserved_delta > 0
               AND NOT EXISTS (SELECT FROM holdfast.reservation_lines AS l
                                WHERE l.reservation_id = p.reservation
                                  AND l.stock_item_id = p.item);
    END IF;
    UPDATE holdfast.stock_items AS s
       SET total_quantity = CASE WHEN c.ends
               THEN greatest(s.total_quantity + c.total_delta,
                             s.reserved_quantity + c.reserved_delta, 0)
               ELSE s.total_quantity + c.total_delta END,
           reserved_quantity = CASE WHEN c.ends
               THEN greatest(s.reserved_quantity + c.reserved_delta, 0)
               ELSE s.reserved_quantity + c.reserved_delta END,
           shop_reserved = s.shop_reserved + c.by_shop,
           revision = s.revision + c.movements,
           updated_at = at
      FROM (SELECT p.item, sum(p.total_delta)::bigint AS total_delta,
                   sum(p.reserved_delta)::bigint AS reserved_delta, count(*) AS movements,
                   sum(CASE p.kind WHEN 'shop' THEN p.reserved_delta ELSE 0 END)::bigint AS by_shop,
                   bool_and(p.reserved_delta < 0 AND p.kind <> 'shop') AS ends
              FROM unnest(items, kinds, total_deltas, reserved_deltas)
                   AS p(item, kind, total_delta, reserved_delta)
             GROUP BY 1) AS c
     WHERE s.id = ANY(ARRAY[c.item]);
    RETURN at;
END $$;

-- Put payments down before their checkouts change, whose rows are locked: what settles a hold, what
-- is due back because there is no hold, and what a cancelled checkout was paid with. Returns the
-- checkouts that are settled.
--
-- All of them in one statement, sorted, so that rows which are there and rows which are new are
-- locked in one order. A reference that belongs to another checkout is locked and left as it is.
CREATE FUNCTION holdfast.put_down_payments(
    at timestamptz, checkout_ids text[], statuses text[], payment_references text[], actors text[],
    attempts integer[], reinstatings boolean[], operation_ids text[])
RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- What is written of a checkout whose shopper was told that it is unavailable.
    unavailable CONSTANT text[] := ARRAY[
        'the inventory did not answer in time', 'nobody waited for it any more'];
    settled text[];
BEGIN
    WITH put_down AS (
        INSERT INTO holdfast.payments AS p
               (payment_reference, checkout_id, state, reason, actor, created_at, changed_at)
        SELECT DISTINCT ON (m.payment_reference COLLATE "C")
               m.payment_reference, m.checkout_id, m.state,
               CASE WHEN m.state = 'settled' THEN ''
                    WHEN m.payment_reference = m.paid_by THEN 'cancelled'
                    WHEN m.paid_by IS NOT NULL AND m.status <> 'cancelled' THEN 'duplicate'
                    WHEN m.note = ANY(unavailable) THEN 'unavailable'
                    -- Or it is of an attempt that there is not.
                    WHEN m.is_tombstone OR m.status = 'held' THEN 'unknown_checkout'
                    ELSE m.status
               END,
               m.actor, at, at
          FROM (SELECT c.checkout_id, coalesce(c.payment_reference, r.payment_reference)
                           AS payment_reference,
                       -- Only what the closing ends or commits is settled by it.
                       CASE WHEN r.status = 'held'
                                 AND (c.attempt IS NULL OR c.attempt = r.attempt)
                            THEN 'settled' ELSE 'refund_due' END AS state,
                       r.status, r.payment_reference AS paid_by, r.reason AS note,
                       r.digest IS NULL AS is_tombstone, coalesce(c.actor, '') AS actor, c.place
                  FROM unnest(checkout_ids, statuses, payment_references, actors, attempts,
                              reinstatings, operation_ids) WITH ORDINALITY
                       AS c(checkout_id, status, payment_reference, actor, attempt, reinstating,
                            operation_id, place),
                       LATERAL (SELECT id, attempt, status, payment_reference, reason, digest
                                  FROM holdfast.reservations
                                 WHERE checkout_id = c.checkout_id
                                 ORDER BY attempt DESC
                                 LIMIT 1) AS r
                 WHERE c.payment_reference IS NOT NULL
                       AND (r.status NOT IN ('committed', 'fulfilled')
                            OR r.payment_reference <> c.payment_reference)
                       -- What had expired may come to be held again: that is decided first.
                       AND NOT (c.reinstating AND r.status = 'expired' AND r.digest IS NOT NULL)
                       -- What was refused under an id stays refused.
                       AND NOT EXISTS (
                               SELECT FROM (SELECT id FROM holdfast.reservations
                                             WHERE checkout_id = c.checkout_id OFFSET 0) AS a,
                                           LATERAL (SELECT answer
                                                      FROM holdfast.operation_records
                                                     WHERE reservation_id = a.id
                                                       AND kind = 'confirm'
                                                       AND operation_id = c.operation_id
                                                    OFFSET 0) AS o
                                WHERE o.answer ->> 'payment_reference' = c.payment_reference)
                    -- Who speaks of an attempt that is over cancels no later one. Of what was
                    -- shipped in part the payment stays where it is.
                    OR c.status = 'cancelled' AND r.status = 'committed'
                       AND (c.attempt IS NULL OR c.attempt = r.attempt)
                       AND NOT EXISTS (SELECT FROM holdfast.reservation_lines AS l
                                        WHERE l.reservation_id = r.id
                                          AND l.fulfilled_quantity > 0)) AS m
         -- Of two who name one reference the checkout counts whose it is already, then who came
         -- first. Nobody makes it a locked checkout's in between.
         ORDER BY m.payment_reference COLLATE "C",
                  (SELECT own.checkout_id = m.checkout_id
                          AND NOT holdfast.is_nobodys(own.state, own.paying_until, at)
                     FROM holdfast.payments AS own
                    WHERE own.payment_reference = m.payment_reference) IS TRUE DESC,
                  m.place
            ON CONFLICT (payment_reference) DO UPDATE
           SET checkout_id = excluded.checkout_id, state = excluded.state,
               reason = excluded.reason, actor = excluded.actor, paying_until = NULL,
               changed_at = excluded.changed_at
         WHERE holdfast.is_nobodys(p.state, p.paying_until, at)
            OR p.checkout_id = excluded.checkout_id
               AND (p.state IN ('started', 'failed')
                    OR p.state = 'settled' AND excluded.reason = 'cancelled')
        RETURNING p.checkout_id, p.state
    )
    SELECT array_agg(checkout_id) FROM put_down WHERE state = 'settled' INTO settled;
    RETURN coalesce(settled, '{}');
END $$;

-- What is in a cart of an adopted shop, as lines to hold; or one row that says why it cannot be
-- read. Nothing is adopted: nothing can. `adopt apply` puts its own in this one's place.
CREATE FUNCTION holdfast.read_cart(wanted text, lines_max integer)
RETURNS TABLE (problem text, customer text, product text, sku text, location text, quantity bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT 'no carts are adopted: name the lines, or apply a plan that has items of carts'::text,
        NULL::text, NULL::text, NULL::text, NULL::text, NULL::bigint;
END $$;

-- Record that operations on reservations were refused, and why, so that the same is answered when
-- they are asked for again. Nothing else is written. What is on record under an id stays as it is.
CREATE FUNCTION holdfast.record_refusals(
    reservations bigint[], operation_ids text[], kinds text[], digests text[], answers jsonb[],
    reasons text[], actors text[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO holdfast.operation_records
           (operation_id, reservation_id, kind, digest, answer, reason, actor, created_at)
    SELECT o.operation_id, o.reservation, o.kind, decode(o.digest, 'hex'), o.answer, o.reason,
           o.actor, holdfast.clock()
      FROM unnest(operation_ids, reservations, kinds, digests, answers, reasons, actors)
           AS o(operation_id, reservation, kind, digest, answer, reason, actor)
     ORDER BY o.reservation
        ON CONFLICT (reservation_id, kind, operation_id) WHERE reservation_id IS NOT NULL
        DO NOTHING
$$;

-- Say that a payment which was due back has gone back. Tells of the payment: its checkout, the
-- state it had, and since when it has gone back; nothing where there is no such payment.
CREATE FUNCTION holdfast.refund_payment(payment_reference text, actor text)
RETURNS TABLE (checkout_id text, state text, refunded_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH known AS (
        SELECT p.payment_reference, p.checkout_id, p.state, p.changed_at
          FROM holdfast.payments AS p
         WHERE p.payment_reference = refund_payment.payment_reference
           FOR NO KEY UPDATE
    ), refunded AS (
        UPDATE holdfast.payments AS p
           SET state = 'refunded', actor = refund_payment.actor, changed_at = holdfast.clock()
          FROM known AS k
         WHERE p.payment_reference = k.payment_reference AND k.state = 'refund_due'
        RETURNING p.changed_at
    )
    SELECT k.checkout_id, k.state,
           CASE k.state WHEN 'refunded' THEN k.changed_at
                        ELSE (SELECT changed_at FROM refunded) END
      FROM known AS k;
END $$;

-- What is written to stay is not changed or removed.
CREATE FUNCTION holdfast.refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN
    RAISE EXCEPTION 'holdfast.% is append only', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER stock_movements_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON holdfast.stock_movements
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_change();

CREATE TRIGGER operation_records_append_only
BEFORE DELETE OR TRUNCATE ON holdfast.operation_records
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_change();

CREATE TRIGGER operation_records_answered_once
BEFORE UPDATE ON holdfast.operation_records
FOR EACH ROW WHEN (OLD.answer IS NOT NULL) EXECUTE FUNCTION holdfast.refuse_change();

-- Record why claims ask for what cannot be held; as denials that lack no stock, and say why.
CREATE FUNCTION holdfast.refuse_claims(ids bigint[], reasons text[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.reservations AS r
       SET reason = c.reason
      FROM unnest(ids, reasons) AS c(id, reason)
     WHERE r.id = ANY(ARRAY[c.id]) AND r.status = 'denied'
$$;

-- A payment stays with its checkout, unless it failed and is not in flight again; its state only
-- goes up; it is never removed.
CREATE FUNCTION holdfast.refuse_payment_change() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN
    RAISE EXCEPTION 'a payment stays with its checkout, and its state only goes up'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER payments_only_go_up
BEFORE UPDATE ON holdfast.payments
FOR EACH ROW WHEN (NOT (
    NEW.payment_reference = OLD.payment_reference
    AND (NEW.checkout_id = OLD.checkout_id OR holdfast.is_nobodys(OLD.state, OLD.paying_until, holdfast.clock()))
    AND (NEW.state = OLD.state
         OR OLD.state = 'started' AND NEW.state IN ('failed', 'settled', 'refund_due')
         OR OLD.state = 'failed' AND NEW.state IN ('settled', 'refund_due')
         OR OLD.state = 'settled' AND NEW.state = 'refund_due'
         OR OLD.state = 'refund_due' AND NEW.state = 'refunded')))
EXECUTE FUNCTION holdfast.refuse_payment_change();

CREATE TRIGGER payments_stay
BEFORE DELETE OR TRUNCATE ON holdfast.payments
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_payment_change();

-- Hold again what an expired reservation held when it expired, as the next attempt of its checkout,
-- whose rows and stock are locked: it is to be paid in this transaction.
CREATE FUNCTION holdfast.reinstate_reservation(
    at timestamptz, reservation bigint, items bigint[], quantities bigint[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    next_id bigint;
    ids bigint[];
BEGIN
    INSERT INTO holdfast.reservations
           (checkout_id, attempt, status, customer_id, cart_id, digest, created_at, expires_at)
    SELECT r.checkout_id, r.attempt + 1, 'held', r.customer_id, r.cart_id, r.digest, at, at
      FROM holdfast.reservations AS r
     WHERE r.id = reservation AND r.status = 'expired'
    RETURNING id INTO next_id;
    ids := array_fill(next_id, ARRAY[cardinality(items)]);
    PERFORM holdfast.post_movements(
        ids, ids, items, array_fill('reserve'::text, ARRAY[cardinality(items)]),
        array_fill(0::bigint, ARRAY[cardinality(items)]), quantities, NULL, NULL);
END $$;

-- Where every id is new and all that they want can be had, hold it all and say since when; else do
-- nothing and return NULL: there is something to decide, and that is not done here.
--
-- It looks before it writes, without locks, so what must be decided is nearly always seen while
-- there is nothing to undo. What counts is what is compared under the locks: whoever came in
-- between makes it fail with HF001, and that undoes the claims. Rows are written once, in their
-- final state: a hold begins when its id is claimed. Only where it had to wait for the stock, for
-- longer than anybody notices, it begins when the wait was over.
--
-- `line_checkouts` says to which of the checkouts a line belongs, from 1.
CREATE FUNCTION holdfast.reserve_what_fits(
    checkout_ids text[], customer_ids text[], cart_ids text[], digests text[], seconds integer[],
    line_checkouts integer[], line_skus text[], line_locations text[], line_quantities bigint[])
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unnoticed CONSTANT interval := '20 milliseconds';
    ids bigint[];
    line_ids bigint[];
    line_items bigint[];
    fits boolean;
    claims integer;
    begins timestamptz;
    locked_at timestamptz;
BEGIN
    IF holdfast.follow_late_words(NULL, NULL) THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM holdfast.reservations AS r WHERE r.checkout_id = ANY(checkout_ids)) THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(s.id ORDER BY l.n), bool_and(s.for_sale_quantity >= l.quantity)
      FROM unnest(line_skus, line_locations, line_quantities) WITH ORDINALITY
           AS l(sku, location, quantity, n)
      LEFT JOIN LATERAL (SELECT id, for_sale_quantity
                           FROM holdfast.stock_items
                          WHERE sku = l.sku AND location = l.location
                         OFFSET 0) AS s ON true
      INTO line_items, fits;
    IF NOT fits OR array_position(line_items, NULL) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    ids := ARRAY(SELECT nextval('holdfast.operation_sequence')
                   FROM generate_series(1, cardinality(checkout_ids)));
    begins := holdfast.clock();
    INSERT INTO holdfast.reservations
           (id, checkout_id, status, customer_id, cart_id, digest, created_at, expires_at)
    SELECT c.id, c.checkout_id, 'held', c.customer_id, c.cart_id, decode(c.digest, 'hex'), begins,
           begins + make_interval(secs => c.seconds)
      FROM unnest(ids, checkout_ids, customer_ids, cart_ids, digests, seconds)
           AS c(id, checkout_id, customer_id, cart_id, digest, seconds)
     ORDER BY c.checkout_id COLLATE "C"
        ON CONFLICT (checkout_id, attempt) DO NOTHING;
    GET DIAGNOSTICS claims = ROW_COUNT;
    IF claims < cardinality(ids) THEN
        RAISE 'an id was taken meanwhile: decide' USING ERRCODE = 'HF001';
    END IF;
    line_ids := ARRAY(SELECT ids[l.checkout]
                        FROM unnest(line_checkouts) WITH ORDINALITY AS l(checkout, n)
                       ORDER BY l.n);
    locked_at := holdfast.post_movements(
        line_ids, line_ids, line_items, array_fill('reserve'::text, ARRAY[cardinality(line_ids)]),
        array_fill(0::bigint, ARRAY[cardinality(line_ids)]), line_quantities, NULL, NULL);
    -- Only an adopted shop has words of its own, and may have changed them while its rows were
    -- waited for.
    IF to_regclass('holdfast.adopted_rows') IS NOT NULL THEN
        IF EXISTS (SELECT FROM unnest(line_items, line_skus) AS l(item, sku)
                     JOIN holdfast.stock_items AS s ON s.id = l.item
                    WHERE s.sku <> l.sku)
           OR EXISTS (SELECT FROM holdfast.late_words AS w
                        JOIN holdfast.adopted_rows AS a ON a.key = w.key
                       WHERE a.stock_item_id = ANY(line_items)
                         AND w.again_at <= holdfast.clock()) THEN
            RAISE 'the shop has other words for what was to be held: decide' USING ERRCODE = 'HF001';
        END IF;
    END IF;
    IF locked_at > begins + unnoticed THEN
        PERFORM holdfast.begin_holds(locked_at, ids, seconds);
        RETURN locked_at;
    END IF;
    RETURN begins;
END $$;

-- The column in which an adopted shop says whether a stock item is for sale; null where the ledger
-- says it alone. Nothing is adopted: it does. `adopt apply` puts its own in this one's place.
CREATE FUNCTION holdfast.sale_kept_in(item bigint)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN NULL;
END $$;

-- Say whether new holds may take from a stock item. Its row is locked.
CREATE FUNCTION holdfast.set_active(item bigint, active boolean)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.stock_items AS s
       SET active = set_active.active
     WHERE s.id = set_active.item
$$;

-- Turn a claim into a hold that takes over the units of another, which ends. Both rows are locked.
-- What both have stays reserved, of the rest the old units are given back and the new ones taken;
-- where the stock does not suffice it fails with HF001. The new hold has the beginning of the old
-- one, and ends at the cap counted from there, or when the old one would have. Returns when.
CREATE FUNCTION holdfast.supersede_reservation(
    reservation bigint, old bigint, seconds integer, cap_seconds integer,
    items bigint[], quantities bigint[], old_items bigint[], old_quantities bigint[])
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := holdfast.clock();
    number bigint := nextval('holdfast.operation_sequence');
BEGIN
    UPDATE holdfast.reservations AS r
       SET status = 'held', created_at = at, closed_at = NULL,
           held_since = coalesce(o.held_since, o.created_at),
           expires_at = least(
               at + make_interval(secs => seconds),
               greatest(coalesce(o.held_since, o.created_at) + make_interval(secs => cap_seconds),
                        o.expires_at))
      FROM holdfast.reservations AS o
     WHERE r.id = reservation AND r.status = 'denied' AND o.id = old AND o.status = 'held';
    IF NOT FOUND THEN
        RAISE 'only a claim takes over, and only from a hold'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE holdfast.reservations AS o
       SET status = 'cancelled', closed_at = at, closing = number,
           superseded_by = r.checkout_id, reason = 'superseded by ' || r.checkout_id, actor = ''
      FROM holdfast.reservations AS r
     WHERE o.id = old AND r.id = reservation;
    PERFORM holdfast.post_movements(
                array_agg(p.operation), array_agg(p.reservation), array_agg(p.item),
                array_agg('supersede'::text), array_agg(0::bigint), array_agg(p.delta), NULL, NULL)
       FROM (SELECT number, old, o.item, -o.quantity
               FROM unnest(old_items, old_quantities) AS o(item, quantity)
              UNION ALL
             SELECT reservation, reservation, n.item, n.quantity
               FROM unnest(items, quantities) AS n(item, quantity))
            AS p(operation, reservation, item, delta);
    RETURN at;
END $$;

-- Whatever was asked for, once for each id, in the order in which it was. What was refused changed
-- nothing, and has the answer's `status` `refused`.
CREATE VIEW holdfast.operations AS
SELECT sequence, operation_id, reservation_id, kind, digest, answer, reason, actor, created_at
  FROM holdfast.operation_records
 UNION ALL
SELECT id, 'reserve', id, 'reserve', digest,
       jsonb_build_object('status', CASE WHEN shortages IS NULL THEN 'held' ELSE 'denied' END),
       '', '', created_at
  FROM holdfast.reservations
 WHERE digest IS NOT NULL
 UNION ALL
SELECT committing, payment_reference, id, 'commit', NULL,
       jsonb_build_object('status', 'committed'), '', coalesce(committed_by, ''), committed_at
  FROM holdfast.reservations
 WHERE committing IS NOT NULL
 UNION ALL
SELECT closing,
       CASE WHEN status = 'fulfilled' AND committing IS NULL THEN payment_reference
            ELSE coalesce(superseded_by, status) END, id,
       CASE WHEN superseded_by IS NOT NULL THEN 'supersede'
            WHEN status = 'fulfilled' AND committing IS NULL THEN 'fulfil'
            WHEN status = 'fulfilled' THEN 'release'
            WHEN status = 'cancelled' THEN 'cancel'
            ELSE 'expire' END,
       NULL, jsonb_build_object('status', status), reason, actor, closed_at
  FROM holdfast.reservations
 WHERE closing IS NOT NULL;

-- Holds past their deadline that nothing has ended yet.
CREATE VIEW holdfast.overdue_reservations AS
SELECT r.id, r.checkout_id, r.customer_id, r.expires_at,
       extract(epoch FROM moment.at - r.ends_at)::double precision AS overdue_seconds,
       (SELECT coalesce(sum(l.quantity), 0)::bigint
          FROM holdfast.reservation_lines AS l WHERE l.reservation_id = r.id) AS units,
       r.ends_at
  FROM holdfast.reservations AS r, (SELECT holdfast.clock() AS at OFFSET 0) AS moment
 WHERE r.ends_at <= moment.at;

-- Payments that somebody has to give back, and since when.
CREATE VIEW holdfast.refunds_due AS
SELECT p.payment_reference, p.checkout_id, r.customer_id, p.reason, p.changed_at AS due_at,
       extract(epoch FROM moment.at - p.changed_at)::double precision AS due_seconds
  FROM holdfast.payments AS p
  LEFT JOIN LATERAL (SELECT customer_id
                       FROM holdfast.reservations
                      WHERE checkout_id = p.checkout_id
                      ORDER BY attempt DESC
                      LIMIT 1) AS r ON true,
       (SELECT holdfast.clock() AS at OFFSET 0) AS moment
 WHERE p.state = 'refund_due';

-- What a product page reads.
CREATE VIEW holdfast.stock_availability AS
SELECT sku, location, name, active, total_quantity AS total, reserved_quantity AS reserved,
       available_quantity AS available, for_sale_quantity AS for_sale
  FROM holdfast.stock_items;

-- The functions do what the tables' owner may. Everybody may run what others made unless told
-- otherwise, so they are closed to all; `migrate` opens them to the workers' role by name.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA holdfast FROM PUBLIC;
