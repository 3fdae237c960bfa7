-- In a transaction of the ledger's alone: the shop's own has no budget.
    IF current_setting('holdfast.gives_way_at', true) <> '' THEN
        PERFORM holdfast.keep_to_budget();
    END IF;
