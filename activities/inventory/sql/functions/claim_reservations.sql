-- Take checkout ids that nobody has used, as closed rows that hold nothing, and tell their numbers.
-- Waits for anyone who is just now taking the same id. A claim of `reserve` is a denial until it is
-- granted; one without a digest is a tombstone.
CREATE FUNCTION holdfast.claim_reservations(
    checkout_ids text[], statuses text[], customer_ids text[], cart_ids text[], digests text[],
    reasons text[], actors text[])
RETURNS TABLE (id bigint, checkout_id text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    INSERT INTO holdfast.reservations AS r
           (checkout_id, status, customer_id, cart_id, digest, reason, actor, created_at, closed_at)
    SELECT c.checkout_id, coalesce(c.status, 'denied'), c.customer_id, c.cart_id,
           decode(c.digest, 'hex'), coalesce(c.reason, ''), coalesce(c.actor, ''),
           moment.at, moment.at
      FROM unnest(checkout_ids, statuses, customer_ids, cart_ids, digests, reasons, actors)
           AS c(checkout_id, status, customer_id, cart_id, digest, reason, actor),
           (SELECT holdfast.clock() AS at OFFSET 0) AS moment
     WHERE NOT EXISTS (SELECT FROM holdfast.reservations AS k
                        WHERE k.checkout_id = c.checkout_id OFFSET 0)
     ORDER BY c.checkout_id COLLATE "C"
        ON CONFLICT (checkout_id, attempt) DO NOTHING
    RETURNING r.id, r.checkout_id;
END $$;
