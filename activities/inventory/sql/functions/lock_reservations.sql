-- Wait for, and hold, every attempt of these checkouts.
CREATE FUNCTION holdfast.lock_reservations(checkout_ids text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM holdfast.reservations AS r
      WHERE r.id = ANY(ARRAY(
            SELECT k.id
              FROM unnest(checkout_ids) AS c(checkout_id),
                   LATERAL (SELECT id FROM holdfast.reservations
                             WHERE checkout_id = c.checkout_id OFFSET 0) AS k))
      ORDER BY r.id
        FOR NO KEY UPDATE;
END $$;
