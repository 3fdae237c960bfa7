-- The SKU stands in a table of its own: who changes it there changes it of the rows that refer to
-- it, and does not have those rows.
CREATE FUNCTION holdfast.follow_sku_table()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO holdfast.late_words (key)
    SELECT t.{key} FROM {table} AS t WHERE t.{via} = NEW.{sku_key};
    RETURN NULL;
END $$;

-- Until all rows are taken in: who renames or deletes a product does so to the stock that refers to
-- it, at once: the stock may be deleted after it, or by it.
CREATE FUNCTION holdfast.note_former_skus()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM holdfast.adoption AS d WHERE d.done_at IS NULL) THEN
        INSERT INTO holdfast.former_skus (key, sku, deleted)
        SELECT t.{key}, left(normalize({sku_of_old}::text, NFC), {sku_noted_max}), false
          FROM {table} AS t
         WHERE t.{via} = OLD.{sku_key} AND {sku_of_old} IS NOT NULL
           AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = t.{key});
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;

CREATE TRIGGER zz_holdfast_former_sku
AFTER UPDATE ON {sku_table}
FOR EACH ROW WHEN ({sku_of_old} IS DISTINCT FROM {sku_of_new})
EXECUTE FUNCTION holdfast.note_former_skus();
ALTER TABLE {sku_table} ENABLE ALWAYS TRIGGER zz_holdfast_former_sku;

CREATE TRIGGER zz_holdfast_former_sku_gone
BEFORE DELETE ON {sku_table}
FOR EACH ROW EXECUTE FUNCTION holdfast.note_former_skus();
ALTER TABLE {sku_table} ENABLE ALWAYS TRIGGER zz_holdfast_former_sku_gone;

CREATE CONSTRAINT TRIGGER zz_holdfast_follow_sku
AFTER UPDATE ON {sku_table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN ({sku_words_changed})
EXECUTE FUNCTION holdfast.follow_sku_table();
ALTER TABLE {sku_table} ENABLE ALWAYS TRIGGER zz_holdfast_follow_sku;

CREATE TRIGGER zz_holdfast_refuse_truncate
BEFORE TRUNCATE ON {sku_table}
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
ALTER TABLE {sku_table} ENABLE ALWAYS TRIGGER zz_holdfast_refuse_truncate;
