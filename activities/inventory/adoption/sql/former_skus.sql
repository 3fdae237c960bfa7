-- Until all rows are taken in: the SKU that a row had before it was renamed or deleted, where it has no stock item
-- yet. What checkouts have moved of that one since `leave` is what the row lacks, whatever it is called. The shop
-- only inserts here, so it waits for nobody; the first of a row's notes counts.
CREATE TABLE holdfast.former_skus (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key {key_type} NOT NULL,
    sku text NOT NULL
);
CREATE INDEX former_skus_by_key ON holdfast.former_skus (key);
CREATE INDEX former_skus_by_sku ON holdfast.former_skus (sku);

CREATE FUNCTION holdfast.note_former_sku()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM holdfast.adoption AS d WHERE d.done_at IS NULL)
       AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = OLD.{key}) THEN
        INSERT INTO holdfast.former_skus (key, sku)
        SELECT OLD.{key}, f.sku
          FROM (SELECT normalize(({sku})::text, NFC) AS sku FROM {former_rows}) AS f
         WHERE f.sku IS NOT NULL;
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;

-- Which of these SKUs another row still has a claim on: it had the SKU first, and has no item yet.
CREATE FUNCTION holdfast.claimed_skus(skus text[])
RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(
        SELECT f.sku FROM holdfast.former_skus AS f
         WHERE f.sku = ANY(skus)
           AND NOT EXISTS (SELECT FROM holdfast.former_skus AS e WHERE e.key = f.key AND e.id < f.id)
           AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = f.key)
           AND EXISTS (SELECT FROM {table} AS t WHERE t.{key} = f.key));
END $$;

-- Give rows the items of the SKUs that they had. Nobody else can write what was noted of them: they are locked.
CREATE FUNCTION holdfast.link_by_former_skus(keys {key_type}[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM holdfast.former_skus AS f WHERE f.key = ANY(keys)) THEN
        RETURN;
    END IF;
    INSERT INTO holdfast.adopted_rows (stock_item_id, key)
    SELECT s.id, f.key
      FROM (SELECT DISTINCT ON (n.key) n.key, n.sku FROM holdfast.former_skus AS n
             WHERE n.key = ANY(keys) ORDER BY n.key, n.id) AS f
      JOIN holdfast.stock_items AS s ON s.sku = f.sku AND s.location = {location}
      JOIN {table} AS t ON t.{key} = f.key
     WHERE NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = f.key)
     ORDER BY f.key
        ON CONFLICT DO NOTHING;
    DELETE FROM holdfast.former_skus AS f USING {table} AS t
     WHERE f.key = ANY(keys) AND t.{key} = f.key;
END $$;

-- When all rows are in: what was deleted before its page is not for sale any more. Says whether there is more.
CREATE FUNCTION holdfast.follow_former_skus(rows_max integer)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    notes bigint[] := ARRAY(SELECT f.id FROM holdfast.former_skus AS f ORDER BY f.id LIMIT rows_max);
    gone {key_type}[];
BEGIN
    WITH linked AS (
        INSERT INTO holdfast.adopted_rows (stock_item_id, key)
        SELECT s.id, f.key
          FROM holdfast.former_skus AS f
          JOIN holdfast.stock_items AS s ON s.sku = f.sku AND s.location = {location}
         WHERE f.id = ANY(notes) AND NOT EXISTS (SELECT FROM {table} AS t WHERE t.{key} = f.key)
         ORDER BY f.id
            ON CONFLICT DO NOTHING
        RETURNING key
    )
    SELECT array_agg(l.key) FROM linked AS l INTO gone;
    DELETE FROM holdfast.former_skus AS f WHERE f.id = ANY(notes);
    IF gone IS NOT NULL THEN
        PERFORM holdfast.follow_gone_rows(gone);
    END IF;
    RETURN EXISTS (SELECT FROM holdfast.former_skus);
END $$;
