-- Record whose carts claims are for, where their requests name nobody.
CREATE FUNCTION holdfast.name_customers(ids bigint[], customer_ids text[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.reservations AS r
       SET customer_id = c.customer_id
      FROM unnest(ids, customer_ids) AS c(id, customer_id)
     WHERE r.id = ANY(ARRAY[c.id]) AND r.status = 'denied' AND r.customer_id IS NULL
$$;
