-- Change totals, or what is for sale, as one operation that waits for its answer. It is all that
-- the role of a worker may post by itself: what moves units of a checkout follows from its
-- reservation.
CREATE FUNCTION holdfast.move_totals(
    operation bigint, items bigint[], kinds text[], deltas bigint[], reason text, actor text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    postings CONSTANT integer := cardinality(items);
BEGIN
    IF NOT kinds <@ ARRAY['receive', 'adjust', 'count', 'activate', 'deactivate']
       OR NOT EXISTS (SELECT FROM holdfast.operation_records AS o
                       WHERE o.sequence = operation AND o.reservation_id IS NULL
                         AND o.answer IS NULL) THEN
        RAISE 'no operation on stock waits for these movements'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM holdfast.post_movements(
        array_fill(operation, ARRAY[postings]), NULL, items, kinds, deltas,
        array_fill(0::bigint, ARRAY[postings]), array_fill(reason, ARRAY[postings]),
        array_fill(actor, ARRAY[postings]));
    PERFORM holdfast.set_active(p.item, p.kind = 'activate')
       FROM unnest(items, kinds) AS p(item, kind)
      WHERE p.kind IN ('activate', 'deactivate');
END $$;
