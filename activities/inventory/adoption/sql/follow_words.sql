-- Names, SKUs and what is for sale, as the shop has them. A SKU that no stock item can have, or
-- another one has, is noted, and the old one stays.
CREATE FUNCTION holdfast.follow_words(keys {key_type}[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    f record;
BEGIN
    PERFORM holdfast.name_stock_items(array_agg(a.stock_item_id), array_agg(a.row_name))
       FROM holdfast.adopted_figures AS a
      WHERE a.key = ANY(keys) AND a.row_name <> a.name
     HAVING count(*) > 0;
    PERFORM holdfast.set_active(a.stock_item_id, a.row_active)
       FROM holdfast.adopted_figures AS a
      WHERE a.key = ANY(keys) AND a.row_active <> a.active;
    FOR f IN
        SELECT a.* FROM holdfast.adopted_figures AS a
         WHERE a.key = ANY(keys) AND a.row_sku IS DISTINCT FROM a.sku
    LOOP
        IF holdfast.fits_sku(f.row_sku)
           AND NOT EXISTS (SELECT FROM holdfast.stock_items AS s
                            WHERE s.sku = f.row_sku AND s.location = f.location) THEN
            UPDATE holdfast.stock_items AS s SET sku = f.row_sku WHERE s.id = f.stock_item_id;
        ELSE
            PERFORM holdfast.note_put_back(f.key::text, f.sku, 'sku', f.row_sku, f.sku);
        END IF;
    END LOOP;
END $$;
