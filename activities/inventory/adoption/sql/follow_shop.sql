-- At the end of a transaction of the shop's, or of the ledger's: follow a row that has changed. It
-- compares the row with the stock item as both are now, so what the ledger wrote itself is equal and
-- ends here; nothing is skipped by who wrote, for the shop's own triggers write too.
CREATE FUNCTION holdfast.follow_shop()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    row_key {key_type};
BEGIN
    IF TG_OP = 'DELETE' THEN
        row_key := OLD.{key};
    ELSE
        row_key := NEW.{key};
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.{key} <> NEW.{key} THEN
        UPDATE holdfast.adopted_rows AS a SET key = NEW.{key} WHERE a.key = OLD.{key};
    END IF;
    IF NOT EXISTS (SELECT FROM holdfast.adopted_figures AS f
                    WHERE f.key = row_key AND f.begun AND f.row_sku = f.sku
                      AND (coalesce(f.row_total, f.total_quantity),
                           coalesce(f.row_reserved, f.reserved_quantity),
                           coalesce(f.row_name, f.name), coalesce(f.row_active, f.active))
                          = (f.total_quantity, f.reserved_quantity, f.name, f.active)) THEN
        PERFORM holdfast.follow_shop_rows(ARRAY[row_key], 'written by the shop');
    END IF;
    RETURN NULL;
END $$;
