-- Show the figures of a stock item in the shop's row, where they differ. Whoever moved them has
-- locked the row. It runs under the shop's path, for the shop's own triggers; so all else in it has
-- its schema.
CREATE FUNCTION holdfast.write_shop_row()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = {path} AS $$
DECLARE
    row_key CONSTANT {key_type} := (SELECT a.key FROM holdfast.adopted_rows AS a
                                     WHERE a.stock_item_id = NEW.id);
    stored record;
    is_as_written boolean;
BEGIN
    IF row_key IS NULL THEN
        RETURN NULL;
    END IF;
    {keep_to_begun_budget}
    IF coalesce(current_setting('holdfast.gives_way_at', true), '') = ''
       AND current_setting('holdfast.holds_no_rows', true) = 'yes' THEN
        RAISE 'row % of % came to % while its stock was waited for, and the ledger gives way',
            row_key, {table_text}, NEW.sku
            USING ERRCODE = 'lock_not_available';
    END IF;
    IF NEW.total_quantity > {total_max} OR NEW.reserved_quantity > {reserved_max} THEN
        RAISE 'a figure of % does not fit its column of %', NEW.sku, {table_text}
            USING ERRCODE = 'HF003';
    END IF;
    UPDATE {table} AS t
       SET {new_figures_set}
     WHERE t.{key} = row_key AND ({figures_of_row}) IS DISTINCT FROM ({new_figures})
    RETURNING {figures_of_row} INTO stored;
    IF FOUND THEN
        is_as_written := ({stored_figures}) IS NOT DISTINCT FROM ({new_figures});
    ELSE
        -- It is equal already, or gone. Or a trigger of the shop's has left it out.
        is_as_written := NOT EXISTS (SELECT FROM {table} AS t
                                      WHERE t.{key} = row_key
                                        AND ({figures_of_row}) IS DISTINCT FROM ({new_figures}));
    END IF;
    IF NOT is_as_written THEN
        PERFORM holdfast.refuse_changed_row(row_key::text, NEW.sku);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER stock_items_write_shop_row
AFTER UPDATE ON holdfast.stock_items
FOR EACH ROW WHEN ((OLD.total_quantity, OLD.reserved_quantity)
                   IS DISTINCT FROM (NEW.total_quantity, NEW.reserved_quantity))
EXECUTE FUNCTION holdfast.write_shop_row();
ALTER TABLE holdfast.stock_items ENABLE ALWAYS TRIGGER stock_items_write_shop_row;
