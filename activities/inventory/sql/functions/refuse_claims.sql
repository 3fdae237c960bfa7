-- Record why claims ask for what cannot be held; as denials that lack no stock, and say why.
CREATE FUNCTION holdfast.refuse_claims(ids bigint[], reasons text[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.reservations AS r
       SET reason = c.reason
      FROM unnest(ids, reasons) AS c(id, reason)
     WHERE r.id = ANY(ARRAY[c.id]) AND r.status = 'denied'
$$;
