-- Say whether new holds may take from a stock item. Its row is locked.
CREATE FUNCTION holdfast.set_active(item bigint, active boolean)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.stock_items AS s
       SET active = set_active.active
     WHERE s.id = set_active.item
$$;
