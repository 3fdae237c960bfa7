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
