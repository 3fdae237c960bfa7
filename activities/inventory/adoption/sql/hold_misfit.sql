    IF r.{source} IS NOT NULL AND ({value}) IS NULL THEN
        PERFORM holdfast.note_misfit(r.checkout_id, NULL, {column_text}, r.{source}::text);
    END IF;
