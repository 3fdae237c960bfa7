-- Take the row of a payment for a checkout whose rows are locked, before stock is, and say what
-- state it has; NULL where it belongs to another checkout. A new one is started, until the
-- transaction decides.
CREATE FUNCTION holdfast.claim_payment(
    at timestamptz, payment_reference text, checkout_id text, actor text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    standing text;
BEGIN
    INSERT INTO holdfast.payments AS p
           (payment_reference, checkout_id, state, actor, created_at, changed_at)
    VALUES (claim_payment.payment_reference, claim_payment.checkout_id, 'started',
            claim_payment.actor, at, at)
        ON CONFLICT ON CONSTRAINT payments_pkey DO UPDATE
       SET checkout_id = excluded.checkout_id
     WHERE holdfast.is_nobodys(p.state, p.paying_until, at)
        OR p.checkout_id = excluded.checkout_id
    RETURNING p.state INTO standing;
    RETURN standing;
END $$;
