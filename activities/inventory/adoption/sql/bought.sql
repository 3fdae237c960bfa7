-- The products of a checkout in the shop's words, each once: what was paid of them, or else was
-- taken.
CREATE FUNCTION holdfast.bought(reservation bigint, outcome text)
RETURNS TABLE (product text, units bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.product,
           sum(CASE outcome WHEN 'fulfilled' THEN l.quantity + l.fulfilled_quantity
                            ELSE l.taken_quantity END)::bigint
      FROM holdfast.reservation_lines AS l
      JOIN holdfast.adopted_rows AS a ON a.stock_item_id = l.stock_item_id
      JOIN holdfast.shop_rows AS s ON s.key = a.key
     WHERE l.reservation_id = reservation
     GROUP BY s.product
$$;
