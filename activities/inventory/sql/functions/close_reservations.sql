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
