-- Until all rows are taken in: a row that is renamed or deleted before its page keeps the item that has the
-- SKU it had. What checkouts have moved of that since `leave` is what the row lacks, whatever it is called.
CREATE FUNCTION holdfast.identify_row()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM holdfast.adoption AS d WHERE d.done_at IS NULL) THEN
        INSERT INTO holdfast.adopted_rows (stock_item_id, key)
        SELECT s.id, OLD.{key}
          FROM {former_rows}
          JOIN holdfast.stock_items AS s
            ON s.sku = normalize(({sku})::text, NFC) AND s.location = {location}
            ON CONFLICT DO NOTHING;
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
