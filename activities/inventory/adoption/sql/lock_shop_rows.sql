-- Wait for, and hold, the rows in which the shop keeps the figures of these stock items: by stock item,
-- and all of it within one budget, after which the ledger gives way. So nobody of the shop ever waits
-- longer than that, and never until the server looks for a deadlock. What the transaction waits for
-- afterwards, and how long its client may think, has the same bound.
--
-- Mostly all rows are free. Then one look takes them all.
CREATE OR REPLACE FUNCTION holdfast.lock_shop_rows(items bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    budget_ms CONSTANT integer := {budget_ms};
    began CONSTANT timestamptz := clock_timestamp();
    wanted {key_type}[];
    each {key_type};
    locked integer;
BEGIN
    wanted := ARRAY(SELECT a.key FROM holdfast.adopted_rows AS a
                     WHERE a.stock_item_id = ANY(items) ORDER BY a.stock_item_id);
    IF cardinality(wanted) = 0 THEN
        RETURN;
    END IF;
    PERFORM set_config('lock_timeout', budget_ms::text, true),
            set_config('idle_in_transaction_session_timeout', budget_ms::text, true);
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
        PERFORM set_config(
            'lock_timeout',
            greatest(budget_ms - extract(epoch FROM clock_timestamp() - began) * 1000, 1)
                ::integer::text,
            true);
        PERFORM FROM {table} AS t WHERE t.{key} = each FOR NO KEY UPDATE;
    END LOOP;
END $$;
