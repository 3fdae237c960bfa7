-- A product of which checkouts hold units stays.
CREATE FUNCTION holdfast.keep_held_row()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
BEGIN
    SELECT s.sku, s.reserved_quantity - s.shop_reserved AS held
      INTO item
      FROM holdfast.adopted_rows AS a
      JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id
     WHERE a.key = OLD.{key};
    IF NOT FOUND AND EXISTS (SELECT FROM holdfast.adoption AS d WHERE d.done_at IS NULL) THEN
        -- As it is noted: by the SKU that it had first.
        SELECT s.sku, s.reserved_quantity - s.shop_reserved AS held
          INTO item
          FROM holdfast.former_skus AS f
          JOIN holdfast.stock_items AS s ON s.sku = f.sku AND s.location = {location}
         WHERE f.key = OLD.{key} AND f.deleted
           AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.stock_item_id = s.id)
         ORDER BY f.id + 0 DESC
         LIMIT 1;
    END IF;
    IF item.held > 0 THEN
        {refuse_deletion}
    END IF;
    RETURN OLD;
END $$;

CREATE FUNCTION holdfast.refuse_truncate()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%.% is adopted by Holdfast and cannot be truncated', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'foreign_key_violation',
              HINT = 'DELETE its rows, or `python -m worker adopt leave` first.';
END $$;
