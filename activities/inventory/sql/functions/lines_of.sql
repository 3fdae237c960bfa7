-- The lines of a reservation as answers tell them: what left where it is fulfilled, what was given
-- back where that is asked for (`released`), else what is open.
CREATE FUNCTION holdfast.lines_of(reservation bigint, status text)
RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- In plpgsql, for up to Postgres 17 a function in SQL is planned anew in each statement.
    RETURN (
        SELECT coalesce(
                   jsonb_agg(jsonb_build_object(
                       'sku', s.sku, 'location', s.location, 'quantity', l.quantity)
                       ORDER BY s.sku COLLATE "C", s.location COLLATE "C"),
                   '[]')
          FROM (SELECT stock_item_id,
                       CASE status WHEN 'fulfilled' THEN fulfilled_quantity
                                   WHEN 'released' THEN released_quantity
                                   ELSE quantity END
                           AS quantity
                  FROM holdfast.reservation_lines
                 WHERE reservation_id = reservation
                OFFSET 0) AS l
          JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[l.stock_item_id])
         WHERE l.quantity > 0);
END $$;
