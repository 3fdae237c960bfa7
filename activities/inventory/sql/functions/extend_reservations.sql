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
