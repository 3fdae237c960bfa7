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
    IF item.held > 0 THEN
        RAISE EXCEPTION '% units of % are held by checkouts of Holdfast, so % stays',
            item.held, item.sku, {table_text}
            USING ERRCODE = 'foreign_key_violation',
                  HINT = 'Take it out of sale, and delete it when the holds are over.';
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
