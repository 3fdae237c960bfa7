-- End holds, each at most once, and tell of those that it ended. Ids that nobody has used become
-- tombstones. Only what is open moves, and only what is overdue expires.
CREATE FUNCTION holdfast.close_reservations(
    checkout_ids text[], statuses text[], reasons text[], actors text[], payment_references text[])
RETURNS TABLE (
    checkout_id text, status text, reason text, actor text, closed_at timestamptz,
    payment_reference text, lines jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    at timestamptz;
    closed bigint[];
BEGIN
    PERFORM holdfast.claim_reservations(
        checkout_ids,
        -- Nothing was held, so nothing can have been sold.
        ARRAY(SELECT CASE s.status WHEN 'cancelled' THEN 'cancelled' ELSE 'expired' END
                FROM unnest(statuses) WITH ORDINALITY AS s(status, place) ORDER BY s.place),
        NULL, NULL, NULL, reasons, actors);
    PERFORM holdfast.lock_reservations(checkout_ids);
    at := holdfast.clock();
    WITH ended AS (
        UPDATE holdfast.reservations AS r
           SET status = c.status, closed_at = at, reason = c.reason, actor = c.actor,
               payment_reference = c.payment_reference,
               closing = nextval('holdfast.operation_sequence')
          FROM unnest(checkout_ids, statuses, reasons, actors, payment_references)
               AS c(checkout_id, status, reason, actor, payment_reference)
         WHERE r.checkout_id = ANY(ARRAY[c.checkout_id])
           AND r.closed_at IS NULL
           AND (c.status <> 'expired' OR r.ends_at <= at)
        RETURNING r.id
    )
    SELECT array_agg(id) FROM ended INTO closed;
    IF closed IS NULL THEN
        RETURN;
    END IF;
    PERFORM holdfast.post_movements(
                array_agg(r.closing), array_agg(r.id), array_agg(l.stock_item_id),
                array_agg(CASE r.status WHEN 'fulfilled' THEN 'fulfil'
                                        WHEN 'cancelled' THEN 'cancel' ELSE 'expire' END),
                array_agg(CASE r.status WHEN 'fulfilled' THEN -l.quantity ELSE 0 END),
                array_agg(-l.quantity), array_agg(r.reason), array_agg(r.actor))
       FROM holdfast.reservations AS r,
            LATERAL (SELECT stock_item_id, quantity
                       FROM holdfast.reservation_lines
                      WHERE reservation_id = r.id
                     OFFSET 0) AS l
      WHERE r.id = ANY(closed) AND l.quantity > 0;
    RETURN QUERY
    SELECT r.checkout_id, r.status, r.reason, r.actor, r.closed_at, r.payment_reference,
           CASE r.status WHEN 'fulfilled' THEN holdfast.lines_of(r.id, r.status) ELSE '[]' END
      FROM holdfast.reservations AS r
     WHERE r.id = ANY(closed);
END $$;
