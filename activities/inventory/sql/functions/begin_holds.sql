-- Let holds begin at another moment than the one that was written.
CREATE FUNCTION holdfast.begin_holds(at timestamptz, ids bigint[], seconds integer[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.reservations AS r
       SET created_at = at, expires_at = at + make_interval(secs => h.seconds)
      FROM unnest(ids, seconds) AS h(id, seconds)
     WHERE r.id = ANY(ARRAY[h.id])
$$;
