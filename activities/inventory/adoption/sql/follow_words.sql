-- Names, and what is for sale, as the shop has them. The rows are locked.
CREATE FUNCTION holdfast.follow_words(keys {key_type}[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM holdfast.name_stock_items(array_agg(a.stock_item_id), array_agg(a.row_name))
       FROM holdfast.adopted_figures AS a
      WHERE a.key = ANY(keys) AND a.row_name <> a.name
     HAVING count(*) > 0;
    PERFORM holdfast.set_active(a.stock_item_id, a.row_active)
       FROM holdfast.adopted_figures AS a
      WHERE a.key = ANY(keys) AND a.row_active <> a.active;
END $$;
