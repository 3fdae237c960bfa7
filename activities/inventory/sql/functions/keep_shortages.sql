-- Keep what a payment that came late lacked, whose row is claimed: it is to be due back in this
-- transaction, and who asks again is told the same.
CREATE FUNCTION holdfast.keep_shortages(payment_reference text, shortages jsonb)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.payments AS p
       SET shortages = keep_shortages.shortages
     WHERE p.payment_reference = keep_shortages.payment_reference
       AND p.state IN ('started', 'failed')
$$;
