-- Take over what the shop's code has changed, as one operation.
CREATE FUNCTION holdfast.post_shop_movements(
    items bigint[], total_deltas bigint[], reserved_deltas bigint[], why text, who text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number bigint := nextval('holdfast.operation_sequence');
    length integer[] := ARRAY[cardinality(items)];
BEGIN
    INSERT INTO holdfast.operation_records
           (sequence, operation_id, kind, answer, reason, actor, created_at)
    VALUES (number, 'shop/' || number, 'shop', jsonb_build_object('items', cardinality(items)),
            why, who, holdfast.clock());
    PERFORM holdfast.post_movements(
        array_fill(number, length), NULL, items, array_fill('shop'::text, length),
        total_deltas, reserved_deltas, array_fill(why, length), array_fill(who, length));
END $$;
