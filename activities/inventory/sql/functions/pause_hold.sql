-- Let a hold wait for a payment until a moment, or with none not any more, on record under the
-- operation's id. The reservation's row is locked. Says whether the payment is the checkout's, or
-- nobody's: of another checkout nothing is written.
--
-- A hold waits for the last of its payments. One that ends is failed; a payment that nobody has
-- named ends without a trace.
CREATE FUNCTION holdfast.pause_hold(
    at timestamptz, reservation bigint, operation_id text, kind text, digest text, answer jsonb,
    actor text, payment_reference text, until timestamptz, reason text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checkout text;
    is_own boolean;
BEGIN
    SELECT r.checkout_id FROM holdfast.reservations AS r WHERE r.id = reservation INTO checkout;
    IF until IS NULL THEN
        UPDATE holdfast.payments AS p
           SET state = 'failed', reason = pause_hold.reason, actor = pause_hold.actor,
               paying_until = NULL, changed_at = at
         WHERE p.payment_reference = pause_hold.payment_reference
           AND p.checkout_id = checkout
           AND p.state IN ('started', 'failed');
    ELSE
        INSERT INTO holdfast.payments AS p
               (payment_reference, checkout_id, state, actor, paying_until, created_at, changed_at)
        VALUES (pause_hold.payment_reference, checkout, 'started', pause_hold.actor, until, at, at)
            ON CONFLICT ON CONSTRAINT payments_pkey DO UPDATE
           SET checkout_id = excluded.checkout_id, paying_until = excluded.paying_until
         WHERE holdfast.is_nobodys(p.state, p.paying_until, at)
            OR p.checkout_id = excluded.checkout_id AND p.state IN ('started', 'failed')
        RETURNING true INTO is_own;
        IF is_own IS NULL THEN
            RETURN false;
        END IF;
    END IF;
    INSERT INTO holdfast.operation_records
           (operation_id, reservation_id, kind, digest, answer, reason, actor, created_at)
    VALUES (pause_hold.operation_id, reservation, pause_hold.kind,
            decode(pause_hold.digest, 'hex'), pause_hold.answer, pause_hold.reason,
            pause_hold.actor, at);
    UPDATE holdfast.reservations AS r
       SET paying_until = (SELECT max(p.paying_until)
                             FROM holdfast.payments AS p
                            WHERE p.checkout_id = checkout AND p.state <> 'settled')
     WHERE r.id = reservation AND r.status = 'held';
    RETURN true;
END $$;
