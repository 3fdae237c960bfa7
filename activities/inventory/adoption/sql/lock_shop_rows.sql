-- Hold the rows in which the shop keeps the figures of these stock items: all of them or none, and
-- where some are taken look again, until the ledger gives way and says of which items. The budget
-- of the transaction begins with the first rows that it holds. More than can be written within it
-- are refused.
--
-- It never waits in the queue for a row. Else a transaction of the shop that comes later would
-- stand behind it, and behind the next of the ledger, each for a budget of its own.
CREATE OR REPLACE FUNCTION holdfast.lock_shop_rows(items bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    look_again_seconds CONSTANT double precision := {look_again_seconds};
    gives_way_at CONSTANT timestamptz := least(
        clock_timestamp() + interval '{budget_ms} milliseconds',
        nullif(current_setting('holdfast.gives_way_at', true), '')::timestamptz);
    wanted {key_type}[];
    free {key_type}[];
    unfollowed {key_type}[];
BEGIN
    LOOP
        wanted := ARRAY(SELECT a.key FROM holdfast.adopted_rows AS a
                         WHERE a.stock_item_id = ANY(items) AND a.key IS NOT NULL);
        IF cardinality(wanted) = 0 THEN
            -- One may come to have a row while its stock is waited for.
            PERFORM set_config('holdfast.holds_no_rows', 'yes', true);
            RETURN;
        END IF;
        IF cardinality(wanted) > {rows_at_once_max} THEN
            RAISE 'one transaction holds {rows_at_once_max} rows of an adopted shop at most'
                USING ERRCODE = 'HF005';
        END IF;
        IF cardinality(wanted) = 1 THEN
            -- By itself it is had or not: there is nothing to let go of, and no savepoint to pay
            -- for.
            free := {free_rows};
            EXIT WHEN cardinality(free) = 1 OR holdfast.are_all(items, wanted, free);
        ELSE
            BEGIN
                free := {free_rows};
                EXIT WHEN cardinality(free) = cardinality(wanted)
                       OR holdfast.are_all(items, wanted, free);
                RAISE 'some are taken' USING ERRCODE = 'HF002';
            EXCEPTION WHEN SQLSTATE 'HF002' THEN
                NULL;
            END;
        END IF;
        IF clock_timestamp() >= gives_way_at THEN
            RAISE 'the shop has its rows, and the ledger gives way'
                USING ERRCODE = 'lock_not_available',
                      DETAIL = (SELECT coalesce('stock items ' || array_agg(a.stock_item_id)::text, '')
                                  FROM holdfast.adopted_rows AS a
                                  JOIN {table} AS t ON t.{key} = a.key
                                 WHERE a.stock_item_id = ANY(items) AND a.key = ANY(wanted)
                                   AND a.key <> ALL(free));
        END IF;
        PERFORM pg_sleep(look_again_seconds);
    END LOOP;
    PERFORM holdfast.keep_to_budget();
{follow_unfollowed}END $$;

-- Say whether the rows that were free are all that is there: fewer may be than are known of, where
-- switches were off. A row whose key has just changed is there under another one.
CREATE FUNCTION holdfast.are_all(items bigint[], wanted {key_type}[], free {key_type}[])
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN cardinality(free) = (SELECT count(*) FROM {table} AS t WHERE t.{key} = ANY(wanted))
       AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a
                        WHERE a.stock_item_id = ANY(items) AND a.key <> ALL(wanted));
END $$;
