    IF r.{source} IS NOT NULL AND ({value}) IS NULL THEN
        PERFORM holdfast.note_put_back(
            'checkout/' || r.checkout_id, NULL, {column_text}, r.{source}::text, NULL);
    END IF;
