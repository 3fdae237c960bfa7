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
