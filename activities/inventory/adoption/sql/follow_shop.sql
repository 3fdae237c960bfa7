-- At the end of a transaction of the shop's, or of the ledger's: follow a row that has changed. It
-- compares the row with the stock item as both are now, so what the ledger wrote itself is equal
-- and ends here; nothing is skipped by who wrote, for the shop's own triggers write too. New rows
-- and words are followed as a set, when all of the transaction's are known.
CREATE FUNCTION holdfast.follow_shop()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    row_key {key_type};
    figures_are_equal boolean;
    words_are_equal boolean;
BEGIN
    {keep_to_begun_budget}
    IF TG_OP = 'DELETE' THEN
        row_key := OLD.{key};
    ELSE
        row_key := NEW.{key};
    END IF;
    SELECT f.begun AND (coalesce(f.row_total, f.total_quantity),
                        coalesce(f.row_reserved, f.reserved_quantity))
                       = (f.total_quantity, f.reserved_quantity),
           f.row_sku = f.sku AND (coalesce(f.row_name, f.name), coalesce(f.row_active, f.active))
                                 = (f.name, f.active)
      FROM holdfast.adopted_figures AS f WHERE f.key = row_key
      INTO figures_are_equal, words_are_equal;
    -- What has a deleted row's key by now may be equal, and is another.
    IF TG_OP = 'DELETE' OR figures_are_equal IS NOT TRUE
       OR EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.gone_key = row_key) THEN
        IF TG_OP = 'DELETE' THEN
            PERFORM holdfast.follow_gone_rows(ARRAY[row_key], true);
        END IF;
        IF TG_OP = 'DELETE' OR current_setting('transaction_isolation') = 'read committed' THEN
            PERFORM holdfast.follow_shop_rows(ARRAY[row_key], 'written by the shop');
        ELSE
            -- The stock item may have changed since the snapshot, and the shop's row has not. A row
            -- that is deleted could not be followed later: there that fails.
            BEGIN
                PERFORM holdfast.follow_shop_rows(ARRAY[row_key], 'written by the shop');
            EXCEPTION WHEN serialization_failure THEN
                words_are_equal := false;
            END;
        END IF;
    END IF;
    IF words_are_equal IS NOT TRUE THEN
        INSERT INTO holdfast.late_words (key)
        SELECT r.key FROM holdfast.shop_rows AS r WHERE r.key = row_key;
    END IF;
    RETURN NULL;
END $$;
