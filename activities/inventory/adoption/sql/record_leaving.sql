-- Up to which movement the shop's rows have everything. The switch on stock items is off, and so
-- nobody is about to move any.
INSERT INTO holdfast.operation_records
       (sequence, operation_id, kind, answer, reason, actor, created_at)
SELECT n, 'left/' || n, 'shop',
       jsonb_build_object(
           'left', {table_text}, 'location', {location},
           'figures', {has_total} OR {has_reserved}, 'active', {has_active},
           'movement', coalesce(pg_sequence_last_value('holdfast.stock_movements_id_seq'), 0)),
       'left', session_user, holdfast.clock()
  FROM nextval('holdfast.operation_sequence') AS n;
