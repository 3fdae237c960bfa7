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
