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
