-- Which stock items had a row that was taken in, and is deleted, while others are not taken in yet.
CREATE TABLE holdfast.parted_items (
    stock_item_id bigint PRIMARY KEY
);

CREATE FUNCTION holdfast.note_parted_item()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO holdfast.parted_items AS p
    SELECT OLD.stock_item_id FROM holdfast.adoption AS d WHERE d.done_at IS NULL
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER adopted_rows_note_parted
AFTER DELETE ON holdfast.adopted_rows
FOR EACH ROW WHEN (OLD.begun) EXECUTE FUNCTION holdfast.note_parted_item();
ALTER TABLE holdfast.adopted_rows ENABLE ALWAYS TRIGGER adopted_rows_note_parted;
