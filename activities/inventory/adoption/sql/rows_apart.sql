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
)
SELECT r.key::text AS key, v.sku, r.total, v.total_quantity AS in_ledger, -v.total AS sold,
       count(*) OVER () AS rows
  FROM moved AS v
  LEFT JOIN r ON r.sku = v.sku
 WHERE CASE WHEN r.key IS NOT NULL
            THEN v.is_corrected AND r.total + v.total <> v.total_quantity
            -- One that the shop never had is none of its business.
            ELSE (v.total, v.reserved) <> (0, 0) AND v.total_quantity > 0
                 AND EXISTS (SELECT FROM holdfast.stock_movements AS m
                              WHERE m.stock_item_id = v.id AND m.kind = 'shop') END
 ORDER BY r.key IS NULL, v.sku COLLATE "C"
 LIMIT {rows_max}
