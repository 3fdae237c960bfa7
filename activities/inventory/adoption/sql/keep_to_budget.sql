-- Begin, or go on with, the one budget in which this transaction of the ledger may stand in the
-- shop's way: from the first row of the shop that it holds to its end. What it waits for next, its
-- next statements, and how long its client may think meanwhile, are bounded by what is left; where
-- nothing is, it gives way.
--
-- No function can bound the statement that calls it, and no statement's bound counts at the commit.
-- So whatever writes rows of the shop looks here before each; and from Postgres 17 on the server
-- ends the whole transaction, and its session with it, which is why all else has its time first.
CREATE FUNCTION holdfast.keep_to_budget()
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    budget_ms CONSTANT integer := {budget_ms};
    -- Time for the client to ask for the end.
    last_words_ms CONSTANT integer := 50;
    gives_way_at timestamptz := nullif(current_setting('holdfast.gives_way_at', true), '');
    left_ms integer;
BEGIN
    IF gives_way_at IS NULL THEN
        gives_way_at := clock_timestamp() + budget_ms * interval '1 millisecond';
        PERFORM set_config('holdfast.gives_way_at', gives_way_at::text, true);
        IF current_setting('transaction_timeout', true) IS NOT NULL THEN
            -- One that runs already would go on as it is.
            PERFORM set_config('transaction_timeout', '0', true),
                    set_config('transaction_timeout', (budget_ms + last_words_ms)::text, true);
        END IF;
    END IF;
    left_ms := ceil(extract(epoch FROM gives_way_at - clock_timestamp()) * 1000);
    IF left_ms <= 0 THEN
        RAISE 'the ledger has stood in the shop''s way for its whole budget, and gives way'
            USING ERRCODE = 'lock_not_available';
    END IF;
    PERFORM set_config('lock_timeout', left_ms::text, true),
            set_config('statement_timeout', left_ms::text, true),
            set_config('idle_in_transaction_session_timeout',
                       greatest(left_ms, last_words_ms)::text, true);
END $$;
