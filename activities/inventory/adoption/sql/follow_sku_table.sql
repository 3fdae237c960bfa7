-- The SKU stands in a table of its own: who changes it there changes it of the rows that refer to it,
-- and does not have those rows.
CREATE FUNCTION holdfast.follow_sku_table()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM holdfast.adoption AS d WHERE d.done_at IS NULL) THEN
        -- As where the SKU stands in the row itself.
        INSERT INTO holdfast.adopted_rows (stock_item_id, key)
        SELECT s.id, t.{key}
          FROM (SELECT OLD.*) AS o
          JOIN {table} AS t ON t.{via} = o.{sku_key}
          JOIN holdfast.stock_items AS s
            ON s.sku = normalize(({sku})::text, NFC) AND s.location = {location}
            ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO holdfast.late_words (key)
    SELECT t.{key} FROM {table} AS t WHERE t.{via} = NEW.{sku_key};
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER zz_holdfast_follow_sku
AFTER UPDATE ON {sku_table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN ({sku_words_changed})
EXECUTE FUNCTION holdfast.follow_sku_table();
ALTER TABLE {sku_table} ENABLE ALWAYS TRIGGER zz_holdfast_follow_sku;

CREATE TRIGGER zz_holdfast_refuse_truncate
BEFORE TRUNCATE ON {sku_table}
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
ALTER TABLE {sku_table} ENABLE ALWAYS TRIGGER zz_holdfast_refuse_truncate;
