-- New stock items with no stock yet, and their ids; those that exist stay as they are.
CREATE FUNCTION holdfast.create_stock_items(skus text[], locations text[])
RETURNS SETOF bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO holdfast.stock_items (sku, location)
    SELECT n.sku, n.location
      FROM unnest(skus, locations) AS n(sku, location)
     WHERE NOT EXISTS (SELECT FROM holdfast.stock_items AS s
                        WHERE s.sku = n.sku AND s.location = n.location OFFSET 0)
     ORDER BY n.sku COLLATE "C", n.location COLLATE "C"
        ON CONFLICT (sku, location) DO NOTHING
    RETURNING id
$$;
