-- Give stock items their names.
CREATE FUNCTION holdfast.name_stock_items(ids bigint[], names text[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.stock_items AS s
       SET name = n.name
      FROM unnest(ids, names) AS n(id, name)
     WHERE s.id = ANY(ARRAY[n.id]) AND s.name <> n.name
$$;
