-- What the shop's code may not write is put back, or refused, before it is written. It is compared
-- with the stock item as it is now: nobody can change that meanwhile, because the row is locked.
CREATE FUNCTION holdfast.keep_shop_row()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
    kept bigint;
BEGIN
    SELECT s.sku, s.total_quantity AS total, s.reserved_quantity AS reserved,
           s.reserved_quantity - s.shop_reserved AS held
      INTO item
      FROM holdfast.adopted_rows AS a
      JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id
     WHERE a.key = OLD.{key} AND a.begun;
    IF NOT FOUND THEN
        RETURN NEW;
    END IF;
{keeping}
    RETURN NEW;
END $$;
