-- Record what denied claims lacked.
CREATE FUNCTION holdfast.deny_reservations(at timestamptz, ids bigint[], lacking jsonb[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.reservations AS r
       SET shortages = d.shortages, created_at = at, closed_at = at
      FROM unnest(ids, lacking) AS d(id, shortages)
     WHERE r.id = ANY(ARRAY[d.id]) AND r.status = 'denied'
$$;
