-- Rows whose words wait to be followed: their SKU, their name, whether they are for sale; and new
-- rows, which want a stock item. The shop only inserts here, so it waits for nobody; and what
-- cannot be followed at the end of its transaction without a wait is followed by the ledger's next.
CREATE TABLE holdfast.late_words (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key {key_type} NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT holdfast.clock(),
    -- Whose end is still to try; null afterwards.
    noted_in xid8 DEFAULT pg_current_xact_id(),
    -- Another row has the SKU in the shop too, or goods of the ledger's own: looked at again from
    -- then on.
    blocked boolean NOT NULL DEFAULT false,
    again_at timestamptz NOT NULL DEFAULT holdfast.clock()
);

-- Follow what is noted, as one set, of those rows that are free; the rest stays noted. Whatever it
-- would have to wait for undoes it all. One look at a row does for all that was noted of it before:
-- a row that is renamed again and again while somebody has it would else be followed once for each.
CREATE FUNCTION holdfast.follow_noted(notes bigint[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '{words_wait_ms}' AS $$
DECLARE
    wanted {key_type}[] := ARRAY(
        SELECT DISTINCT w.key FROM holdfast.late_words AS w WHERE w.id = ANY(notes));
    -- Before its words are looked at: what is noted later may be of later ones.
    seen CONSTANT bigint[] := ARRAY(
        SELECT w.id FROM holdfast.late_words AS w WHERE w.key = ANY(wanted));
    had {key_type}[];
    keys {key_type}[];
    busy {key_type}[];
BEGIN
    had := ARRAY(SELECT t.{key} FROM {table} AS t
                  WHERE t.{key} = ANY(wanted) FOR NO KEY UPDATE SKIP LOCKED);
    busy := ARRAY(SELECT t.{key} FROM {table} AS t
                   WHERE t.{key} = ANY(wanted) AND t.{key} <> ALL(had));
    keys := ARRAY(SELECT key FROM unnest(had) AS h(key)
                   WHERE NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = h.key));
    PERFORM holdfast.follow_skus(had);
    PERFORM holdfast.follow_shop_rows(had, 'written by the shop');
{show_open_holds}    DELETE FROM holdfast.late_words AS w
     WHERE w.id IN (SELECT f.id FROM holdfast.late_words AS f
                     WHERE f.id = ANY(seen) AND f.key <> ALL(busy)
                       FOR UPDATE SKIP LOCKED);
EXCEPTION WHEN lock_not_available OR serialization_failure OR unique_violation THEN
    RETURN;
END $$;

-- After all else at the end of a transaction of the shop's, because a row that it takes here stays
-- its own to the end. The first of its notes stands for all.
CREATE FUNCTION holdfast.follow_words_at_end()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM holdfast.late_words AS w
                WHERE w.id = NEW.id AND w.noted_in IS NOT NULL) THEN
        PERFORM holdfast.follow_noted(ARRAY(
            SELECT w.id FROM holdfast.late_words AS w WHERE w.noted_in = pg_current_xact_id()));
        UPDATE holdfast.late_words AS w SET noted_in = NULL
         WHERE w.noted_in = pg_current_xact_id();
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER late_words_follow
AFTER INSERT ON holdfast.late_words DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.noted_in IS NOT NULL)
EXECUTE FUNCTION holdfast.follow_words_at_end();
ALTER TABLE holdfast.late_words ENABLE ALWAYS TRIGGER late_words_follow;

-- Follow what waits and can be had. Says whether to look again: words of these stock items still
-- wait (of any, where none are named), or they have other SKUs by now.
CREATE OR REPLACE FUNCTION holdfast.follow_late_words(items bigint[], skus text[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    notes bigint[];
BEGIN
    notes := ARRAY(SELECT w.id FROM holdfast.late_words AS w
                    WHERE w.again_at <= holdfast.clock()
                    ORDER BY w.id LIMIT {late_words_max} FOR UPDATE SKIP LOCKED);
    IF cardinality(notes) > 0 THEN
        PERFORM holdfast.keep_to_budget();
        PERFORM holdfast.follow_noted(notes);
    END IF;
    RETURN EXISTS (SELECT FROM holdfast.late_words AS w
                    WHERE w.again_at <= holdfast.clock()
                      AND (items IS NULL OR EXISTS (
                          SELECT FROM holdfast.adopted_rows AS a
                           WHERE a.key = w.key AND a.stock_item_id = ANY(items))))
        OR EXISTS (SELECT FROM holdfast.stock_items AS s
                    WHERE s.id = ANY(items) AND s.sku <> ALL(skus));
END $$;
