-- What is in a cart of an adopted shop, as lines to hold; or one row that says why it cannot be
-- read. Nothing is adopted: nothing can. `adopt apply` puts its own in this one's place.
CREATE FUNCTION holdfast.read_cart(wanted text, lines_max integer)
RETURNS TABLE (problem text, customer text, product text, sku text, location text, quantity bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT 'no carts are adopted: name the lines, or apply a plan that has items of carts'::text,
        NULL::text, NULL::text, NULL::text, NULL::text, NULL::bigint;
END $$;
