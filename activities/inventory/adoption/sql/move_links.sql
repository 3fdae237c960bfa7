-- Which item a row has goes by its key as it is now, also within a transaction: whoever is asked
-- next, about this row or about another that gets its key, is to find the right one. What a
-- deletion means is concluded at the end, when it is known whether the row has come again.
CREATE FUNCTION holdfast.move_link()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE holdfast.adopted_rows AS a SET key = NULL, gone_key = OLD.{key} WHERE a.key = OLD.{key};
    ELSE
        -- One that was deleted past the switches may have had the key.
        UPDATE holdfast.adopted_rows AS a SET key = NULL, gone_key = a.key
         WHERE a.key = NEW.{key};
        UPDATE holdfast.adopted_rows AS a SET key = NEW.{key} WHERE a.key = OLD.{key};
        UPDATE holdfast.former_skus AS f SET key = NEW.{key} WHERE f.key = OLD.{key};
    END IF;
    RETURN NULL;
END $$;
