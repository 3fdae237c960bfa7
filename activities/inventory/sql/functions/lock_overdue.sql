-- Hold overdue reservations that nobody else is busy with, and tell their checkouts. Skips what is
-- locked, so it never waits.
CREATE FUNCTION holdfast.lock_overdue(grace_seconds double precision, batch_size_max integer)
RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT r.checkout_id
      FROM holdfast.reservations AS r
     WHERE r.ends_at < (SELECT holdfast.clock()) - make_interval(secs => grace_seconds)
     ORDER BY r.ends_at, r.checkout_id
     LIMIT batch_size_max
       FOR NO KEY UPDATE SKIP LOCKED;
END $$;
