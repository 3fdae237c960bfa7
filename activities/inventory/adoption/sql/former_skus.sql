-- Until all rows are taken in: the SKU that a row had before it was renamed, or deleted, where it
-- has no stock item yet. What checkouts have moved of that one since `leave` is what the row lacks,
-- whatever it is called. The shop only inserts here, so it waits for nobody. Of a SKU that is too
-- long for an item so much is kept that it stays so.
CREATE TABLE holdfast.former_skus (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key {key_type} NOT NULL,
    sku text NOT NULL,
    -- Its row is gone; what has its key by now is another.
    deleted boolean NOT NULL
);
CREATE INDEX former_skus_by_key ON holdfast.former_skus (key);
CREATE INDEX former_skus_by_sku ON holdfast.former_skus (sku);

-- The first SKU of each row that has been renamed, for as long as it has no item. Others leave it
-- that one.
CREATE VIEW holdfast.claims AS
SELECT DISTINCT ON (f.key) f.key, f.sku
  FROM holdfast.former_skus AS f
 WHERE NOT f.deleted
   AND NOT EXISTS (SELECT FROM holdfast.former_skus AS d
                    WHERE d.key = f.key AND d.deleted AND d.id > f.id)
   AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = f.key)
   AND EXISTS (SELECT FROM {table} AS t WHERE t.{key} = f.key)
 ORDER BY f.key, f.id;

CREATE FUNCTION holdfast.note_former_sku()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM holdfast.adoption AS d WHERE d.done_at IS NULL)
       AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = OLD.{key}) THEN
        INSERT INTO holdfast.former_skus (key, sku, deleted)
        SELECT OLD.{key}, left(f.sku, {sku_noted_max}), TG_OP = 'DELETE'
          FROM (SELECT coalesce((SELECT c.sku FROM holdfast.claims AS c WHERE c.key = OLD.{key}),
                                normalize(({sku})::text, NFC)) AS sku
                  FROM {former_rows}) AS f
         WHERE f.sku IS NOT NULL;
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;

-- Give rows the items of the SKUs that they had. They are locked, and were looked at before.
CREATE FUNCTION holdfast.link_by_former_skus(keys {key_type}[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM holdfast.former_skus AS f WHERE f.key = ANY(keys)) THEN
        RETURN;
    END IF;
    INSERT INTO holdfast.adopted_rows (stock_item_id, key)
    SELECT s.id, c.key
      FROM holdfast.claims AS c
      JOIN holdfast.stock_items AS s ON s.sku = c.sku AND s.location = {location}
     WHERE c.key = ANY(keys)
     ORDER BY c.key
        ON CONFLICT DO NOTHING;
    DELETE FROM holdfast.former_skus AS f USING {table} AS t
     WHERE f.key = ANY(keys) AND NOT f.deleted AND t.{key} = f.key;
END $$;

-- When all rows are in: what was deleted before its page, and no row has or claims, is not for sale
-- any more. Says whether there is more to look at.
CREATE FUNCTION holdfast.follow_former_skus(rows_max integer)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    notes bigint[] := ARRAY(SELECT f.id FROM holdfast.former_skus AS f
                             WHERE f.deleted ORDER BY f.id LIMIT rows_max);
    claimants {key_type}[];
    gone bigint[];
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    claimants := ARRAY(SELECT f.key FROM holdfast.former_skus AS f
                        WHERE f.sku IN (SELECT n.sku FROM holdfast.former_skus AS n WHERE n.id = ANY(notes)));
    -- A link of its own says whether a row has come for the item just now.
    WITH linked AS (
        INSERT INTO holdfast.adopted_rows (stock_item_id, gone_key)
        SELECT DISTINCT ON (s.id) s.id, f.key
          FROM holdfast.former_skus AS f
          JOIN holdfast.stock_items AS s ON s.sku = f.sku AND s.location = {location}
         WHERE f.id = ANY(notes)
           AND NOT EXISTS (SELECT FROM holdfast.claims AS c WHERE c.key = ANY(claimants) AND c.sku = s.sku)
           AND NOT EXISTS (SELECT FROM holdfast.shop_rows AS r WHERE r.sku = s.sku AND r.key = f.key)
           -- Goods of the ledger's own stay.
           AND (NOT ({has_total} OR {has_reserved})
                OR EXISTS (SELECT FROM holdfast.stock_movements AS m
                            WHERE m.stock_item_id = s.id AND m.kind = 'shop'))
         ORDER BY s.id
            -- Also where the row's own link is younger than this look, and had to be waited for.
            ON CONFLICT (stock_item_id) DO NOTHING
        RETURNING stock_item_id
    )
    SELECT array_agg(l.stock_item_id) FROM linked AS l INTO gone;
    IF gone IS NOT NULL THEN
        PERFORM holdfast.let_items_go(gone);
    END IF;
    DELETE FROM holdfast.former_skus AS f USING holdfast.former_skus AS d
     WHERE d.id = ANY(notes) AND d.key = f.key AND NOT f.deleted AND f.id < d.id;
    DELETE FROM holdfast.former_skus AS f WHERE f.id = ANY(notes);
    RETURN cardinality(notes) > 0;
END $$;
