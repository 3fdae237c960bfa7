-- Take units out of an open reservation whose row is locked, each kind of it (`fulfil`, `release`)
-- recorded under the operation's id, and end the reservation where `ending` says how. Where nothing
-- of it was shipped, its payment is due back then. Returns when.
--
-- `kind_numbers` says to which of the kinds a posting belongs, from 1. A revision is counted where
-- anything was released: then its lines are others than before.
CREATE FUNCTION holdfast.part_reservation(
    reservation bigint, operation_id text, kinds text[], digest text, answers jsonb[],
    reason text, actor text, kind_numbers integer[], items bigint[], quantities bigint[], ending text)
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := holdfast.clock();
    numbers bigint[];
BEGIN
    numbers := ARRAY(SELECT nextval('holdfast.operation_sequence')
                       FROM generate_series(1, cardinality(kinds)));
    INSERT INTO holdfast.operation_records
           (sequence, operation_id, reservation_id, kind, digest, answer, reason, actor, created_at)
    SELECT k.number, part_reservation.operation_id, reservation, k.kind,
           decode(part_reservation.digest, 'hex'), k.answer, part_reservation.reason,
           part_reservation.actor, at
      FROM unnest(numbers, kinds, answers) AS k(number, kind, answer);
    UPDATE holdfast.reservations AS r
       SET revision = r.revision + ('release' = ANY(kinds))::integer,
           status = coalesce(ending, r.status),
           closed_at = CASE WHEN ending IS NOT NULL THEN at END,
           reason = CASE WHEN ending IS NULL THEN r.reason ELSE part_reservation.reason END,
           actor = CASE WHEN ending IS NULL THEN r.actor ELSE part_reservation.actor END
     WHERE r.id = reservation;
    UPDATE holdfast.payments AS p
       SET state = 'refund_due', reason = 'cancelled', actor = part_reservation.actor,
           changed_at = at
     WHERE ending = 'cancelled'
       AND p.state = 'settled'
       AND p.payment_reference = (SELECT r.payment_reference FROM holdfast.reservations AS r
                                   WHERE r.id = reservation);
    PERFORM holdfast.post_movements(
                array_agg(numbers[p.kind_number]), array_agg(reservation), array_agg(p.item),
                array_agg(CASE WHEN ending = 'cancelled' THEN 'cancel' ELSE kinds[p.kind_number] END),
                array_agg(CASE kinds[p.kind_number] WHEN 'fulfil' THEN -p.quantity ELSE 0 END),
                array_agg(-p.quantity), array_agg(part_reservation.reason),
                array_agg(part_reservation.actor))
       FROM unnest(kind_numbers, items, quantities) AS p(kind_number, item, quantity);
    RETURN at;
END $$;
