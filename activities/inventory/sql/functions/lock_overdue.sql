-- Hold overdue reservations that nobody else is busy with, and tell their checkouts. Skips what is
-- locked, so it never waits. Leaves out some checkouts, and what has something open of some items.
CREATE FUNCTION holdfast.lock_overdue(
    grace_seconds double precision, batch_size_max integer, without_checkouts text[],
    without_items bigint[])
RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT r.checkout_id
      FROM holdfast.reservations AS r
     WHERE r.ends_at < (SELECT holdfast.clock()) - make_interval(secs => grace_seconds)
       AND r.checkout_id <> ALL(without_checkouts)
       AND (without_items = '{}'
            OR NOT EXISTS (SELECT FROM holdfast.reservation_lines AS l
                            WHERE l.reservation_id = r.id AND l.quantity > 0
                              AND l.stock_item_id = ANY(without_items)))
     ORDER BY r.ends_at, r.checkout_id
     LIMIT batch_size_max
       FOR NO KEY UPDATE SKIP LOCKED;
END $$;
