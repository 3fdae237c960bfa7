-- Wait for, and hold, the rows in which the shop keeps the figures of these stock items: by stock item,
-- and within the budget of the transaction, after which the ledger gives way. So nobody of the shop ever
-- waits longer than that, and never until the server looks for a deadlock.
--
-- Mostly all rows are free. Then one look takes them all.
CREATE OR REPLACE FUNCTION holdfast.lock_shop_rows(items bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanted {key_type}[];
    each {key_type};
    locked integer;
BEGIN
    wanted := ARRAY(SELECT a.key FROM holdfast.adopted_rows AS a
                     WHERE a.stock_item_id = ANY(items) ORDER BY a.stock_item_id);
    IF cardinality(wanted) = 0 THEN
        RETURN;
    END IF;
    PERFORM holdfast.keep_to_budget();
    BEGIN
        SELECT count(*)
          FROM (SELECT FROM {table} AS t
                 WHERE t.{key} = ANY(wanted) FOR NO KEY UPDATE SKIP LOCKED) AS free
          INTO locked;
        IF locked < cardinality(wanted) THEN
            RAISE 'some are taken' USING ERRCODE = 'HF002';
        END IF;
        RETURN;
    EXCEPTION WHEN SQLSTATE 'HF002' THEN
        NULL;
    END;
    FOREACH each IN ARRAY wanted LOOP
        PERFORM holdfast.keep_to_budget();
        PERFORM FROM {table} AS t WHERE t.{key} = each FOR NO KEY UPDATE;
    END LOOP;
    PERFORM holdfast.keep_to_budget();
END $$;
