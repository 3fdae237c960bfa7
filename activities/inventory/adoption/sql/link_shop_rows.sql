-- Give rows their stock items, new ones where there are none. A row whose SKU no stock item can
-- have, or another row has already, stays without one.
CREATE FUNCTION holdfast.link_shop_rows(keys {key_type}[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    skus text[];
    claimants {key_type}[];
    claimed text[];
    came_back bigint[];
BEGIN
    skus := ARRAY(SELECT r.sku FROM holdfast.shop_rows AS r
                   WHERE r.key = ANY(keys) AND holdfast.fits_sku(r.sku)
                     AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = r.key OFFSET 0));
    -- After the rows were looked at: who renames one later has it noted, or has it looked at again.
    PERFORM holdfast.link_by_former_skus(keys);
    IF cardinality(skus) > 0 THEN
        claimants := ARRAY(SELECT f.key FROM holdfast.former_skus AS f WHERE f.sku = ANY(skus));
        claimed := ARRAY(SELECT c.sku FROM holdfast.claims AS c
                          WHERE c.key = ANY(claimants) AND c.sku = ANY(skus));
        -- With the words that they have in the shop, and no stock yet: a million rows are written
        -- once.
        INSERT INTO holdfast.stock_items (sku, location, name, active)
        SELECT r.sku, {location}, coalesce(r.name, ''), coalesce(r.active, true)
          FROM holdfast.shop_rows AS r
         WHERE r.key = ANY(keys) AND r.sku = ANY(skus)
           AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = r.key OFFSET 0)
           AND NOT EXISTS (SELECT FROM holdfast.stock_items AS i
                            WHERE i.sku = r.sku AND i.location = {location} OFFSET 0)
         ORDER BY r.sku COLLATE "C"
            ON CONFLICT (sku, location) DO NOTHING;
        INSERT INTO holdfast.adopted_rows (stock_item_id, key)
        SELECT s.id, r.key
          FROM holdfast.shop_rows AS r,
               LATERAL (SELECT i.id FROM holdfast.stock_items AS i
                         WHERE i.sku = r.sku AND i.location = {location} OFFSET 0) AS s
         WHERE r.key = ANY(keys) AND r.sku = ANY(skus) AND r.sku <> ALL(claimed)
           AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = r.key OFFSET 0)
         ORDER BY r.key
            ON CONFLICT DO NOTHING;
    END IF;
    -- What went out of sale with its row comes back with one.
    WITH back AS (
        DELETE FROM holdfast.gone_items AS g USING holdfast.adopted_rows AS a
         WHERE a.key = ANY(keys) AND g.stock_item_id = a.stock_item_id
        RETURNING g.stock_item_id
    )
    SELECT array_agg(b.stock_item_id) FROM back AS b INTO came_back;
    PERFORM holdfast.set_active(item, true) FROM unnest(came_back) AS b(item);
END $$;

CREATE FUNCTION holdfast.fits_sku(sku text)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(length(sku) BETWEEN 1 AND 100 AND holdfast.is_id(sku), false)
$$;
