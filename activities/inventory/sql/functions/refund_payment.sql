-- Say that a payment which was due back has gone back. Tells of the payment: its checkout, the
-- state it had, and since when it has gone back; nothing where there is no such payment.
CREATE FUNCTION holdfast.refund_payment(payment_reference text, actor text)
RETURNS TABLE (checkout_id text, state text, refunded_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH known AS (
        SELECT p.payment_reference, p.checkout_id, p.state, p.changed_at
          FROM holdfast.payments AS p
         WHERE p.payment_reference = refund_payment.payment_reference
           FOR NO KEY UPDATE
    ), refunded AS (
        UPDATE holdfast.payments AS p
           SET state = 'refunded', actor = refund_payment.actor, changed_at = holdfast.clock()
          FROM known AS k
         WHERE p.payment_reference = k.payment_reference AND k.state = 'refund_due'
        RETURNING p.changed_at
    )
    SELECT k.checkout_id, k.state,
           CASE k.state WHEN 'refunded' THEN k.changed_at
                        ELSE (SELECT changed_at FROM refunded) END
      FROM known AS k;
END $$;
