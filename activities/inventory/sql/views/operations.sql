-- Whatever was asked for, once for each id, in the order in which it was. What was refused changed
-- nothing, and has the answer's `status` `refused`.
CREATE VIEW holdfast.operations AS
SELECT sequence, operation_id, reservation_id, kind, digest, answer, reason, actor, created_at
  FROM holdfast.operation_records
 UNION ALL
SELECT id, 'reserve', id, 'reserve', digest,
       jsonb_build_object('status', CASE WHEN shortages IS NULL THEN 'held' ELSE 'denied' END),
       '', '', created_at
  FROM holdfast.reservations
 WHERE digest IS NOT NULL
 UNION ALL
SELECT committing, payment_reference, id, 'commit', NULL,
       jsonb_build_object('status', 'committed'), '', coalesce(committed_by, ''), committed_at
  FROM holdfast.reservations
 WHERE committing IS NOT NULL
 UNION ALL
SELECT closing,
       CASE WHEN status = 'fulfilled' AND committing IS NULL THEN payment_reference
            ELSE coalesce(superseded_by, status) END, id,
       CASE WHEN superseded_by IS NOT NULL THEN 'supersede'
            WHEN status = 'fulfilled' AND committing IS NULL THEN 'fulfil'
            WHEN status = 'fulfilled' THEN 'release'
            WHEN status = 'cancelled' THEN 'cancel'
            ELSE 'expire' END,
       NULL, jsonb_build_object('status', status), reason, actor, closed_at
  FROM holdfast.reservations
 WHERE closing IS NOT NULL;
