-- Give rows, which are locked, their stock items, and the items the SKUs that the rows have now:
-- all of them as one set, in two steps, because they may have changed places. A SKU belongs to the
-- row that has it in the shop. Whoever else has it gives it up: a row that is called something
-- else, if it can be had without a wait, and an item that no row has any more, of which nothing is
-- reserved or for sale.
CREATE FUNCTION holdfast.follow_skus(keys {key_type}[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    movers {key_type}[] := keys;
    more {key_type}[];
BEGIN
    PERFORM holdfast.link_shop_rows(keys);
    IF NOT EXISTS (SELECT FROM holdfast.row_skus AS r
                    WHERE r.key = ANY(keys)
                      AND (r.stock_item_id IS NULL OR r.sku IS DISTINCT FROM r.item_sku)) THEN
        RETURN;
    END IF;
    LOOP
        more := ARRAY(
            SELECT t.{key} FROM {table} AS t
             WHERE t.{key} IN (SELECT o.key FROM holdfast.row_skus AS r
                                 JOIN holdfast.row_skus AS o ON o.stock_item_id = r.wanted_item_id
                                WHERE r.key = ANY(movers) AND o.sku IS DISTINCT FROM o.item_sku
                                  AND o.key <> ALL(movers))
               FOR NO KEY UPDATE SKIP LOCKED);
        EXIT WHEN cardinality(more) = 0;
        movers := movers || more;
    END LOOP;
    UPDATE holdfast.stock_items AS s SET sku = holdfast.former_sku(s.sku, s.id)
     WHERE s.id IN (
           SELECT r.wanted_item_id FROM holdfast.row_skus AS r
             LEFT JOIN holdfast.row_skus AS o ON o.stock_item_id = r.wanted_item_id
            WHERE r.key = ANY(movers) AND r.stock_item_id <> r.wanted_item_id
              AND CASE WHEN o.key IS NOT NULL
                       THEN o.key = ANY(movers) AND o.sku IS DISTINCT FROM o.item_sku
                       -- What a row brings along from its former SKU is its own, sold out or not.
                       ELSE r.wanted_is_left
                            AND NOT EXISTS (SELECT FROM holdfast.claims AS c WHERE c.sku = r.sku)
                  END);
    UPDATE holdfast.stock_items AS s SET sku = w.sku
      FROM (SELECT DISTINCT ON (r.sku) r.stock_item_id, r.sku FROM holdfast.row_skus AS r
             WHERE r.key = ANY(movers) AND r.sku <> r.item_sku AND r.wanted_item_id IS NULL
               AND holdfast.fits_sku(r.sku)
             ORDER BY r.sku, r.key) AS w
     WHERE s.id = w.stock_item_id;
    PERFORM holdfast.link_shop_rows(keys);
    PERFORM holdfast.note_late_words(keys);
END $$;

-- The name of an item whose SKU another row of the shop has now. Its history stays under it.
CREATE FUNCTION holdfast.former_sku(sku text, item bigint)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT left(sku, 100 - length(f.words)) || f.words
      FROM (SELECT format(' (former %s)', item) AS words) AS f
$$;

-- What could not be had stays noted: until its row is free, or as blocked, which is counted once.
CREATE FUNCTION holdfast.note_late_words(keys {key_type}[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO holdfast.late_words (key, noted_in, blocked, again_at)
    SELECT r.key, NULL, b.is_so,
           holdfast.clock() + CASE WHEN b.is_so THEN interval '{blocked_seconds} seconds'
                                   ELSE interval '0' END
      FROM holdfast.row_skus AS r
      LEFT JOIN holdfast.row_skus AS o ON o.stock_item_id = r.wanted_item_id,
           LATERAL (SELECT o.key IS NULL OR o.sku IS NOT DISTINCT FROM o.item_sku AS is_so) AS b
     WHERE r.key = ANY(keys) AND r.sku IS DISTINCT FROM r.item_sku AND holdfast.fits_sku(r.sku);
    PERFORM holdfast.note_put_back(r.key::text, coalesce(r.item_sku, r.sku), 'sku', r.sku, r.item_sku)
       FROM holdfast.row_skus AS r
      WHERE r.key = ANY(keys) AND (r.stock_item_id IS NULL OR r.sku IS DISTINCT FROM r.item_sku)
        AND NOT EXISTS (SELECT FROM holdfast.late_words AS w WHERE w.key = r.key AND NOT w.blocked
                           AND w.noted_in IS NULL)
        AND NOT EXISTS (SELECT FROM holdfast.put_back_writes AS p
                         WHERE p.key = r.key::text AND p.column_name = 'sku'
                           AND (p.written, p.kept) IS NOT DISTINCT FROM (r.sku, r.item_sku));
END $$;
