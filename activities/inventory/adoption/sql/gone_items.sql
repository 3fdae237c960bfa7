-- What somebody says in the ledger of an item that went out of sale with its row counts more than
-- that.
CREATE FUNCTION holdfast.forget_gone_item()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM holdfast.gone_items AS g WHERE g.stock_item_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER stock_items_forget_gone
AFTER UPDATE OF active ON holdfast.stock_items
FOR EACH ROW EXECUTE FUNCTION holdfast.forget_gone_item();
ALTER TABLE holdfast.stock_items ENABLE ALWAYS TRIGGER stock_items_forget_gone;
