-- Hold again what an expired reservation held when it expired, as the next attempt of its checkout,
-- whose rows and stock are locked: it is to be paid in this transaction.
CREATE FUNCTION holdfast.reinstate_reservation(
    at timestamptz, reservation bigint, items bigint[], quantities bigint[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    next_id bigint;
    ids bigint[];
BEGIN
    INSERT INTO holdfast.reservations
           (checkout_id, attempt, status, customer_id, cart_id, digest, created_at, expires_at)
    SELECT r.checkout_id, r.attempt + 1, 'held', r.customer_id, r.cart_id, r.digest, at, at
      FROM holdfast.reservations AS r
     WHERE r.id = reservation AND r.status = 'expired'
    RETURNING id INTO next_id;
    ids := array_fill(next_id, ARRAY[cardinality(items)]);
    PERFORM holdfast.post_movements(
        ids, ids, items, array_fill('reserve'::text, ARRAY[cardinality(items)]),
        array_fill(0::bigint, ARRAY[cardinality(items)]), quantities, NULL, NULL);
END $$;
