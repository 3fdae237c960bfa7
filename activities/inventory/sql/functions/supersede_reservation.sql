-- Turn a claim into a hold that takes over the units of another, which ends. Both rows are locked.
-- What both have stays reserved, of the rest the old units are given back and the new ones taken;
-- where the stock does not suffice it fails with HF001. The new hold has the beginning of the old
-- one, and ends at the cap counted from there, or when the old one would have. Returns when.
CREATE FUNCTION holdfast.supersede_reservation(
    reservation bigint, old bigint, seconds integer, cap_seconds integer,
    items bigint[], quantities bigint[], old_items bigint[], old_quantities bigint[])
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := holdfast.clock();
    number bigint := nextval('holdfast.operation_sequence');
BEGIN
    UPDATE holdfast.reservations AS r
       SET status = 'held', created_at = at, closed_at = NULL,
           held_since = coalesce(o.held_since, o.created_at),
           expires_at = least(
               at + make_interval(secs => seconds),
               greatest(coalesce(o.held_since, o.created_at) + make_interval(secs => cap_seconds),
                        o.expires_at))
      FROM holdfast.reservations AS o
     WHERE r.id = reservation AND r.status = 'denied' AND o.id = old AND o.status = 'held';
    IF NOT FOUND THEN
        RAISE 'only a claim takes over, and only from a hold'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE holdfast.reservations AS o
       SET status = 'cancelled', closed_at = at, closing = number,
           superseded_by = r.checkout_id, reason = 'superseded by ' || r.checkout_id, actor = ''
      FROM holdfast.reservations AS r
     WHERE o.id = old AND r.id = reservation;
    PERFORM holdfast.post_movements(
                array_agg(p.operation), array_agg(p.reservation), array_agg(p.item),
                array_agg('supersede'::text), array_agg(0::bigint), array_agg(p.delta), NULL, NULL)
       FROM (SELECT number, old, o.item, -o.quantity
               FROM unnest(old_items, old_quantities) AS o(item, quantity)
              UNION ALL
             SELECT reservation, reservation, n.item, n.quantity
               FROM unnest(items, quantities) AS n(item, quantity))
            AS p(operation, reservation, item, delta);
    RETURN at;
END $$;
