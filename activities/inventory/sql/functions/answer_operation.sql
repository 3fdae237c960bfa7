-- Record the answer that an operation was given, once.
CREATE FUNCTION holdfast.answer_operation(operation bigint, answer jsonb)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE holdfast.operation_records AS o
       SET answer = answer_operation.answer
     WHERE o.sequence = answer_operation.operation AND o.answer IS NULL
$$;
