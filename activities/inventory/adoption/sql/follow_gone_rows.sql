-- What the shop has deleted is not for sale any more, and its stock is gone with the row that had
-- it.
CREATE FUNCTION holdfast.let_items_go(gone bigint[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sold bigint[];
    moved bigint[];
    totals bigint[];
    reserveds bigint[];
BEGIN
    IF cardinality(gone) = 0 THEN
        RETURN;
    END IF;
    PERFORM FROM holdfast.stock_items AS s
      WHERE s.id = ANY(gone) ORDER BY s.id FOR NO KEY UPDATE;
    SELECT array_agg(w.id), array_agg(w.total), array_agg(w.reserved)
      FROM (SELECT s.id,
                   CASE WHEN {has_total}
                        THEN s.reserved_quantity - s.shop_reserved - s.total_quantity
                        ELSE 0 END AS total,
                   -s.shop_reserved AS reserved
              FROM holdfast.stock_items AS s WHERE s.id = ANY(gone)) AS w
      INTO moved, totals, reserveds;
    DELETE FROM holdfast.adopted_rows AS a WHERE a.stock_item_id = ANY(gone);
    PERFORM holdfast.post_shop_movements(moved, totals, reserveds, 'deleted by the shop', session_user);
    IF {has_active} OR NOT {has_total} THEN
        sold := ARRAY(SELECT s.id FROM holdfast.stock_items AS s WHERE s.id = ANY(gone) AND s.active);
        PERFORM holdfast.set_active(g.item, false) FROM unnest(sold) AS g(item);
        IF NOT {has_active} THEN
            INSERT INTO holdfast.gone_items (stock_item_id) SELECT g.item FROM unnest(sold) AS g(item)
                ON CONFLICT DO NOTHING;
        END IF;
    END IF;
END $$;

-- Conclude what deletions mean. What a transaction deletes itself it is refused, at its end too,
-- where checkouts hold units of it. What was deleted past the switches is gone whatever is held.
CREATE FUNCTION holdfast.follow_gone_rows(keys {key_type}[], refuses boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
    gone bigint[];
BEGIN
    -- Deleted and made again under its key, in one transaction: the row is the same.
    UPDATE holdfast.adopted_rows AS a SET key = a.gone_key, gone_key = NULL
     WHERE a.stock_item_id IN (
           SELECT min(g.stock_item_id) FROM holdfast.adopted_rows AS g
            WHERE g.gone_key = ANY(keys)
              AND EXISTS (SELECT FROM holdfast.shop_rows AS r WHERE r.key = g.gone_key OFFSET 0)
              AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS o WHERE o.key = g.gone_key OFFSET 0)
            GROUP BY g.gone_key);
    gone := ARRAY(SELECT a.stock_item_id FROM holdfast.adopted_rows AS a WHERE a.gone_key = ANY(keys)
                   UNION ALL
                  SELECT a.stock_item_id FROM holdfast.adopted_rows AS a
                   WHERE a.key = ANY(keys)
                     AND NOT EXISTS (SELECT FROM holdfast.shop_rows AS r WHERE r.key = a.key OFFSET 0));
    IF refuses AND cardinality(gone) > 0 THEN
        PERFORM FROM holdfast.stock_items AS s
          WHERE s.id = ANY(gone) ORDER BY s.id FOR NO KEY UPDATE;
        SELECT s.sku, s.reserved_quantity - s.shop_reserved AS held
          INTO item
          FROM holdfast.stock_items AS s
         WHERE s.id = ANY(gone) AND s.reserved_quantity > s.shop_reserved
         LIMIT 1;
        IF FOUND THEN
            {refuse_deletion}
        END IF;
    END IF;
    PERFORM holdfast.let_items_go(gone);
END $$;
