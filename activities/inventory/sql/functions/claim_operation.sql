-- Take the id of an operation on stock that nobody has used, and return its number; NULL where it
-- is taken. Waits for anyone who is just now taking the same.
CREATE FUNCTION holdfast.claim_operation(
    operation_id text, kind text, digest text, reason text, actor text)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO holdfast.operation_records (operation_id, kind, digest, reason, actor, created_at)
    VALUES (operation_id, kind, decode(digest, 'hex'), reason, actor, holdfast.clock())
        ON CONFLICT (operation_id) WHERE reservation_id IS NULL DO NOTHING
    RETURNING sequence
$$;
