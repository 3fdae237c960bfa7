-- Put payments down before their checkouts change, whose rows are locked: what settles a hold, what
-- is due back because there is no hold, and what a cancelled checkout was paid with. Returns the
-- checkouts that are settled.
--
-- All of them in one statement, sorted, so that rows which are there and rows which are new are
-- locked in one order. A reference that belongs to another checkout is locked and left as it is.
CREATE FUNCTION holdfast.put_down_payments(
    at timestamptz, checkout_ids text[], statuses text[], payment_references text[], actors text[],
    attempts integer[], reinstatings boolean[], operation_ids text[])
RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- What is written of a checkout whose shopper was told that it is unavailable.
    unavailable CONSTANT text[] := ARRAY[
        'the inventory did not answer in time', 'nobody waited for it any more'];
    settled text[];
BEGIN
    WITH put_down AS (
        INSERT INTO holdfast.payments AS p
               (payment_reference, checkout_id, state, reason, actor, created_at, changed_at)
        SELECT DISTINCT ON (m.payment_reference COLLATE "C")
               m.payment_reference, m.checkout_id, m.state,
               CASE WHEN m.state = 'settled' THEN ''
                    WHEN m.payment_reference = m.paid_by THEN 'cancelled'
                    WHEN m.paid_by IS NOT NULL AND m.status <> 'cancelled' THEN 'duplicate'
                    WHEN m.note = ANY(unavailable) THEN 'unavailable'
                    -- Or it is of an attempt that there is not.
                    WHEN m.is_tombstone OR m.status = 'held' THEN 'unknown_checkout'
                    ELSE m.status
               END,
               m.actor, at, at
          FROM (SELECT c.checkout_id, coalesce(c.payment_reference, r.payment_reference)
                           AS payment_reference,
                       -- Only what the closing ends or commits is settled by it.
                       CASE WHEN r.status = 'held'
                                 AND (c.attempt IS NULL OR c.attempt = r.attempt)
                            THEN 'settled' ELSE 'refund_due' END AS state,
                       r.status, r.payment_reference AS paid_by, r.reason AS note,
                       r.digest IS NULL AS is_tombstone, coalesce(c.actor, '') AS actor, c.place
                  FROM unnest(checkout_ids, statuses, payment_references, actors, attempts,
                              reinstatings, operation_ids) WITH ORDINALITY
                       AS c(checkout_id, status, payment_reference, actor, attempt, reinstating,
                            operation_id, place),
                       LATERAL (SELECT id, attempt, status, payment_reference, reason, digest
                                  FROM holdfast.reservations
                                 WHERE checkout_id = c.checkout_id
                                 ORDER BY attempt DESC
                                 LIMIT 1) AS r
                 WHERE c.payment_reference IS NOT NULL
                       AND (r.status NOT IN ('committed', 'fulfilled')
                            OR r.payment_reference <> c.payment_reference)
                       -- What had expired may come to be held again: that is decided first.
                       AND NOT (c.reinstating AND r.status = 'expired' AND r.digest IS NOT NULL)
                       -- What was refused under an id stays refused.
                       AND NOT EXISTS (
                               SELECT FROM (SELECT id FROM holdfast.reservations
                                             WHERE checkout_id = c.checkout_id OFFSET 0) AS a,
                                           LATERAL (SELECT answer
                                                      FROM holdfast.operation_records
                                                     WHERE reservation_id = a.id
                                                       AND kind = 'confirm'
                                                       AND operation_id = c.operation_id
                                                    OFFSET 0) AS o
                                WHERE o.answer ->> 'payment_reference' = c.payment_reference)
                    -- Who speaks of an attempt that is over cancels no later one. Of what was
                    -- shipped in part the payment stays where it is.
                    OR c.status = 'cancelled' AND r.status = 'committed'
                       AND (c.attempt IS NULL OR c.attempt = r.attempt)
                       AND NOT EXISTS (SELECT FROM holdfast.reservation_lines AS l
                                        WHERE l.reservation_id = r.id
                                          AND l.fulfilled_quantity > 0)) AS m
         -- Of two who name one reference the checkout counts whose it is already, then who came
         -- first. Nobody makes it a locked checkout's in between.
         ORDER BY m.payment_reference COLLATE "C",
                  (SELECT own.checkout_id = m.checkout_id
                          AND NOT holdfast.is_nobodys(own.state, own.paying_until, at)
                     FROM holdfast.payments AS own
                    WHERE own.payment_reference = m.payment_reference) IS TRUE DESC,
                  m.place
            ON CONFLICT (payment_reference) DO UPDATE
           SET checkout_id = excluded.checkout_id, state = excluded.state,
               reason = excluded.reason, actor = excluded.actor, paying_until = NULL,
               changed_at = excluded.changed_at
         WHERE holdfast.is_nobodys(p.state, p.paying_until, at)
            OR p.checkout_id = excluded.checkout_id
               AND (p.state IN ('started', 'failed')
                    OR p.state = 'settled' AND excluded.reason = 'cancelled')
        RETURNING p.checkout_id, p.state
    )
    SELECT array_agg(checkout_id) FROM put_down WHERE state = 'settled' INTO settled;
    RETURN coalesce(settled, '{}');
END $$;
