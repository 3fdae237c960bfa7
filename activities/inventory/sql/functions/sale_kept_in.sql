-- The column in which an adopted shop says whether a stock item is for sale; null where the ledger
-- says it alone. Nothing is adopted: it does. `adopt apply` puts its own in this one's place.
CREATE FUNCTION holdfast.sale_kept_in(item bigint)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN NULL;
END $$;
