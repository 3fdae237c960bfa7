-- What is in a cart and whose it is, as lines to hold; or one row that says why it cannot be read.
-- A product without a stock item has the SKU that it would have, if it has one: the rule tells what
-- is wrong with that.
CREATE OR REPLACE FUNCTION holdfast.read_cart(wanted text, lines_max integer)
RETURNS TABLE (problem text, customer text, product text, sku text, location text, quantity bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cart {cart_type} := {cart_wanted};
BEGIN
    PERFORM holdfast.follow_late_words(NULL, NULL);
    IF cart IS NULL THEN
        RETURN QUERY SELECT format('there is no cart %s', wanted),
            NULL::text, NULL::text, NULL::text, NULL::text, NULL::bigint;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT NULL::text, {cart_customer}, i.{item_product}::text, named.sku, {location}::text, i.{item_quantity}::bigint
      FROM {cart_items} AS i
      {products_of_items}
      LEFT JOIN holdfast.adopted_rows AS a ON a.key = t.{key}
      LEFT JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id,
           LATERAL (SELECT coalesce(s.sku, CASE WHEN holdfast.fits_sku(normalize(({sku})::text, NFC))
                                                THEN normalize(({sku})::text, NFC) END) AS sku)
               AS named
     WHERE i.{item_cart} = cart::{item_cart_type}
     ORDER BY named.sku COLLATE "C"
     LIMIT lines_max;
END $$;
