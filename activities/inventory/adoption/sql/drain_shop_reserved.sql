-- Take off what the shop's code has reserved and lost. Tells the figures after it; where it has
-- less, nothing changes, and they are those that stand. Nothing where the SKU is not adopted.
CREATE FUNCTION holdfast.drain_shop_reserved(of_sku text, units bigint, why text, who text)
RETURNS TABLE (drained boolean, total bigint, reserved bigint, by_shop bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item bigint := (SELECT s.id FROM holdfast.stock_items AS s
                      JOIN holdfast.adopted_rows AS a ON a.stock_item_id = s.id
                     WHERE s.sku = of_sku AND s.location = {location});
    done boolean;
BEGIN
    IF item IS NULL THEN
        RETURN;
    END IF;
    PERFORM holdfast.lock_shop_rows(ARRAY[item]);
    SELECT s.shop_reserved >= units FROM holdfast.stock_items AS s WHERE s.id = item
       FOR NO KEY UPDATE INTO done;
    IF done THEN
        PERFORM holdfast.post_shop_movements(
            ARRAY[item], ARRAY[0::bigint], ARRAY[-units], why, who);
    END IF;
    RETURN QUERY
    SELECT done, s.total_quantity, s.reserved_quantity, s.shop_reserved
      FROM holdfast.stock_items AS s WHERE s.id = item;
END $$;
