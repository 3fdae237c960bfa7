-- Take in the next rows in the order of keys, and say how many. Where somebody has one of them, it
-- fails at once, so that nobody waits for rows that wait. What the shop's own writes have taken in
-- already is equal. The caller has begun the budget of the transaction.
CREATE FUNCTION holdfast.adopt_page(rows_max integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    after {key_type} := (SELECT d.last_key FROM holdfast.adoption AS d FOR UPDATE);
    keys {key_type}[];
BEGIN
    -- Pages that a crash of the server loses are taken in again: nobody waits for the disk.
    PERFORM set_config('synchronous_commit', 'off', true);
    -- Two statements, because one for both would read all rows before the page, page after page.
    IF after IS NULL THEN
        keys := ARRAY(SELECT t.{key} FROM {table} AS t ORDER BY t.{key} LIMIT rows_max);
    ELSE
        keys := ARRAY(SELECT t.{key} FROM {table} AS t
                       WHERE t.{key} > after ORDER BY t.{key} LIMIT rows_max);
    END IF;
    IF cardinality(keys) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM FROM {table} AS t WHERE t.{key} = ANY(keys) ORDER BY t.{key} FOR NO KEY UPDATE NOWAIT;
    PERFORM holdfast.follow_skus(keys);
    PERFORM holdfast.follow_shop_rows(keys, 'adopted');
{show_open_holds}    UPDATE holdfast.adoption AS d SET last_key = keys[cardinality(keys)];
    RETURN cardinality(keys);
END $$;
