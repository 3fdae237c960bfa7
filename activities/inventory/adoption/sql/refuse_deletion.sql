RAISE EXCEPTION '% units of % are held by checkouts of Holdfast, so % stays',
            item.held, item.sku, {table_text}
            USING ERRCODE = 'foreign_key_violation',
                  HINT = 'Take it out of sale, and delete it when the holds are over.';
