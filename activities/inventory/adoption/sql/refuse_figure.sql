    IF NEW.{column} IS DISTINCT FROM item.{figure} THEN
        RAISE EXCEPTION '%.% of % is kept by Holdfast', {table_text}, {column_text}, item.sku
            USING ERRCODE = 'check_violation', HINT = {instead};
    END IF;
