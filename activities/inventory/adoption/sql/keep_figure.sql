    kept := {kept};
    IF kept IS DISTINCT FROM NEW.{column} THEN
        PERFORM holdfast.note_put_back(
            OLD.{key}::text, item.sku, {column_text}, NEW.{column}::text, kept::text);
        NEW.{column} := kept;
    END IF;
