-- The SKU stands in a table of its own: who changes it there changes it of the rows that refer to it,
-- and does not have those rows.
CREATE FUNCTION holdfast.follow_sku_table()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF {sku_of_old} IS DISTINCT FROM {sku_of_new}
       AND EXISTS (SELECT FROM holdfast.adoption AS d WHERE d.done_at IS NULL) THEN
        INSERT INTO holdfast.former_skus (key, sku, deleted)
        SELECT t.{key}, normalize({sku_of_old}::text, NFC), false
          FROM {table} AS t
         WHERE t.{via} = OLD.{sku_key} AND {sku_of_old} IS NOT NULL
           AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = t.{key});
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
