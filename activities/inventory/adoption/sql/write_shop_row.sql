-- Show the figures of a stock item in the shop's row, where they differ. Whoever moved them has locked
-- the row.
CREATE FUNCTION holdfast.write_shop_row()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.total_quantity > {total_max} OR NEW.reserved_quantity > {reserved_max} THEN
        IF EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.stock_item_id = NEW.id) THEN
            RAISE 'a figure of % does not fit its column of %', NEW.sku, {table_text}
                USING ERRCODE = 'HF003';
        END IF;
    END IF;
    UPDATE {table} AS t
       SET {new_figures_set}
      FROM holdfast.adopted_rows AS a
     WHERE a.stock_item_id = NEW.id AND t.{key} = a.key
       AND ({figures_of_row}) IS DISTINCT FROM ({new_figures});
    RETURN NULL;
END $$;

CREATE TRIGGER stock_items_write_shop_row
AFTER UPDATE ON holdfast.stock_items
FOR EACH ROW WHEN ((OLD.total_quantity, OLD.reserved_quantity)
                   IS DISTINCT FROM (NEW.total_quantity, NEW.reserved_quantity))
EXECUTE FUNCTION holdfast.write_shop_row();
ALTER TABLE holdfast.stock_items ENABLE ALWAYS TRIGGER stock_items_write_shop_row;
