-- Wait for, and hold, the stock items of these SKUs and locations, before them the rows of an
-- adopted shop. The figures told are those after the wait, and so is the time: it is read row by
-- row, each after its lock, and the last is the latest. Which items are meant is found without a
-- lock, because ids never change; where an adopted shop has given their SKUs to others meanwhile,
-- it is to be asked again.
CREATE FUNCTION holdfast.lock_stock(skus text[], locations text[])
RETURNS TABLE (
    id bigint, sku text, location text, name text, active boolean, total_quantity bigint,
    reserved_quantity bigint, for_sale_quantity bigint, at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    ids bigint[];
BEGIN
    PERFORM holdfast.follow_late_words(NULL, NULL);
    ids := ARRAY(
        SELECT i.id
          FROM unnest(skus, locations) AS w(sku, location),
               LATERAL (SELECT id
                          FROM holdfast.stock_items
                         WHERE sku = w.sku AND location = w.location
                        OFFSET 0) AS i);
    PERFORM holdfast.lock_shop_rows(ids);
    IF holdfast.follow_late_words(ids, skus) THEN
        RAISE 'the shop has renamed what was to be locked: ask again'
            USING ERRCODE = 'lock_not_available';
    END IF;
    RETURN QUERY
    SELECT stock.*, holdfast.clock()
      FROM (SELECT s.id, s.sku, s.location, s.name, s.active, s.total_quantity, s.reserved_quantity,
                   s.for_sale_quantity
              FROM holdfast.stock_items AS s
             WHERE s.id = ANY(ids)
             ORDER BY s.id
               FOR NO KEY UPDATE) AS stock;
END $$;
