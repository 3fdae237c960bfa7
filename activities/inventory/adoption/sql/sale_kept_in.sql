-- The shop's column says whether a stock item that follows a row is for sale, and what the ledger
-- said would be undone by the row's next change. So would it be by the page of a row that is not
-- taken in yet.
CREATE OR REPLACE FUNCTION holdfast.sale_kept_in(item bigint)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.stock_item_id = item) THEN
        RETURN {active_text};
    END IF;
    IF EXISTS (SELECT FROM holdfast.adoption AS d WHERE d.done_at IS NULL)
       AND EXISTS (SELECT FROM holdfast.stock_items AS s
                     JOIN holdfast.shop_rows AS r ON r.sku = s.sku
                    WHERE s.id = item AND s.location = {location}) THEN
        RETURN {active_text};
    END IF;
    RETURN NULL;
END $$;
