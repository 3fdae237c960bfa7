WITH r AS ({rows}), moved AS (
    SELECT s.id, s.sku, s.total_quantity, l.total, l.reserved, l.is_corrected
      FROM holdfast.stock_items AS s,
           LATERAL (SELECT coalesce(sum(m.total_delta) FILTER (WHERE m.reservation_id IS NOT NULL), 0)
                               AS total,
                           coalesce(sum(m.reserved_delta), 0) AS reserved,
                           bool_or(m.reservation_id IS NULL AND m.total_delta <> 0) AS is_corrected
                      FROM holdfast.stock_movements AS m
                     WHERE m.stock_item_id = s.id AND m.id > {moved_after}) AS l
     WHERE s.location = {location} AND l.is_corrected IS NOT NULL
), apart AS (
    SELECT r.key::text AS key, v.sku, r.total, v.total_quantity AS in_ledger, -v.total AS sold
      FROM moved AS v
      JOIN r ON r.sku = v.sku
     WHERE v.is_corrected AND r.total + v.total <> v.total_quantity
     UNION ALL
    -- What the shop has renamed or deleted is not sold beside it. What this table never had is none
    -- of its business, nor is what was another table's, adopted and left before.
    SELECT NULL, s.sku, NULL, s.total_quantity, coalesce(-v.total, 0)
      FROM holdfast.stock_items AS s
      LEFT JOIN moved AS v ON v.id = s.id
     WHERE s.location = {location}
       AND (s.reserved_quantity > s.shop_reserved
            OR s.total_quantity > s.reserved_quantity
               AND (s.active OR (v.total, v.reserved) <> (0, 0)))
       AND NOT EXISTS (SELECT FROM r WHERE r.sku = s.sku)
       AND EXISTS (SELECT FROM (SELECT m.id, m.reason FROM holdfast.stock_movements AS m
                                 WHERE m.stock_item_id = s.id AND m.kind = 'shop'
                                 ORDER BY m.id DESC LIMIT 1) AS l
                    WHERE l.reason <> 'deleted by the shop'
                      AND {table_text} = (SELECT o.answer ->> 'left'
                                            FROM holdfast.operation_records AS o
                                           WHERE o.operation_id LIKE 'left/%'
                                             AND o.reservation_id IS NULL AND o.kind = 'shop'
                                             AND o.answer ->> 'location' = {location}
                                             AND (o.answer ->> 'movement')::bigint >= l.id
                                           ORDER BY o.sequence LIMIT 1))
)
SELECT a.*, count(*) OVER () AS rows
  FROM apart AS a
 ORDER BY a.key IS NULL, a.sku COLLATE "C"
 LIMIT {rows_max}
