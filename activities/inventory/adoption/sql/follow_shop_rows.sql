-- Bring stock items to what the shop's rows say, as they are now, and the rows to what is kept of
-- it. The rows are locked, so their items wait for nobody; where both are equal there is nothing to
-- do.
CREATE FUNCTION holdfast.follow_shop_rows(keys {key_type}[], why text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    items bigint[];
    totals bigint[];
    reserveds bigint[];
BEGIN
    PERFORM holdfast.follow_gone_rows(keys, false);
    PERFORM holdfast.follow_words(keys);
    items := ARRAY(SELECT a.stock_item_id FROM holdfast.adopted_rows AS a WHERE a.key = ANY(keys));
    PERFORM FROM holdfast.stock_items AS s
      WHERE s.id = ANY(items) ORDER BY s.id FOR NO KEY UPDATE;
    PERFORM holdfast.note_put_back(f.key::text, f.sku, b.column_name, b.written::text, b.kept::text)
       FROM holdfast.adopted_figures AS f,
            LATERAL (VALUES ({total_text}, f.row_total, f.total),
                            ({reserved_text}, f.row_reserved, f.reserved))
                AS b(column_name, written, kept)
      WHERE f.key = ANY(keys) AND b.written <> b.kept;
    SELECT array_agg(f.stock_item_id), array_agg(f.total - f.total_quantity),
           array_agg(f.reserved - f.reserved_quantity)
      FROM holdfast.adopted_figures AS f
     WHERE f.key = ANY(keys)
       AND ((f.total, f.reserved) IS DISTINCT FROM (f.total_quantity, f.reserved_quantity)
            -- By that it is known whose the item is, where the shop has renamed its row when it is
            -- left.
            OR NOT f.begun AND ({has_total} OR {has_reserved}))
      INTO items, totals, reserveds;
    IF items IS NOT NULL THEN
        PERFORM holdfast.post_shop_movements(items, totals, reserveds, why, session_user);
    END IF;
    UPDATE holdfast.adopted_rows AS a SET begun = true WHERE a.key = ANY(keys) AND NOT a.begun;
    {write_back}
END $$;
