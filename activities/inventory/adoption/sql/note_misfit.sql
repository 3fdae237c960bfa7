-- Count what of a checkout could not be shown to the shop, by checkout and column. The latest rows
-- are kept, and of older ones how often: else shops that never have room for it would fill the
-- table for ever. One transaction forgets at a time, and nobody waits for it.
CREATE INDEX put_back_of_checkouts ON holdfast.put_back_writes (last_at)
 WHERE starts_with(key, 'checkout/');

CREATE FUNCTION holdfast.note_misfit(checkout text, of_sku text, of_column text, wanted text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept_max CONSTANT integer := {misfits_kept_max};
    at_once_max CONSTANT integer := {misfits_at_once_max};
    too_old timestamptz;
BEGIN
    PERFORM holdfast.note_put_back('checkout/' || checkout, of_sku, of_column, wanted, NULL);
    too_old := (SELECT p.last_at FROM holdfast.put_back_writes AS p
                 WHERE starts_with(p.key, 'checkout/')
                 ORDER BY p.last_at DESC OFFSET kept_max LIMIT 1);
    IF too_old IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM holdfast.adoption AS d FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    WITH old AS (
        SELECT p.key, p.column_name FROM holdfast.put_back_writes AS p
         WHERE starts_with(p.key, 'checkout/') AND p.last_at <= too_old
         ORDER BY p.last_at LIMIT at_once_max FOR UPDATE SKIP LOCKED
    ), forgotten AS (
        DELETE FROM holdfast.put_back_writes AS p USING old AS o
         WHERE p.key = o.key AND p.column_name = o.column_name
        RETURNING p.times
    )
    UPDATE holdfast.adoption AS d
       SET misfits_forgotten = d.misfits_forgotten
                               + (SELECT coalesce(sum(f.times), 0) FROM forgotten AS f);
END $$;
