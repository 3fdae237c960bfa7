-- Nothing is written by halves: where a trigger of the shop's changes what the ledger writes, or
-- leaves it out, the two would differ and nothing would tell.
CREATE FUNCTION holdfast.refuse_changed_row(row_key text, sku text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'row % of % (%) is not stored as Holdfast writes it: a BEFORE UPDATE trigger changes or skips it',
        row_key, {table_text}, sku
        USING ERRCODE = 'HF004', HINT = 'See `python -m worker adopt check`, and mend the trigger.';
END $$;
