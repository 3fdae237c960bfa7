-- Count what the shop's code wrote and is put back. The row of the shop is locked, so nobody else
-- counts for it.
CREATE FUNCTION holdfast.note_put_back(
    row_key text, row_sku text, row_column text, row_written text, row_kept text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO holdfast.put_back_writes AS p
           (key, sku, column_name, written, kept, written_by, last_at)
    VALUES (row_key, coalesce(row_sku, ''), row_column, row_written, row_kept, session_user,
            holdfast.clock())
        ON CONFLICT (key, column_name) DO UPDATE
       SET times = p.times + 1, sku = excluded.sku, written = excluded.written,
           kept = excluded.kept, written_by = excluded.written_by, last_at = excluded.last_at
$$;
