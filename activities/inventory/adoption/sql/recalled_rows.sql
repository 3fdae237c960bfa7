-- Rows that the shop has for sale, of stock items that somebody has taken out of sale in the ledger
-- since this table was last left with a column that says so: the shop's word would count, and put
-- them back.
WITH r AS ({rows})
SELECT r.key::text AS key, r.sku, o.operation_id, o.reason, count(*) OVER () AS rows
  FROM holdfast.stock_items AS s
  JOIN r ON r.sku = s.sku,
       LATERAL (SELECT m.kind, m.operation FROM holdfast.stock_movements AS m
                 WHERE m.stock_item_id = s.id AND m.kind IN ('activate', 'deactivate')
                   AND m.id > (SELECT coalesce(max((l.answer ->> 'movement')::bigint), 0)
                                   FROM holdfast.operation_records AS l
                                  WHERE l.operation_id LIKE 'left/%' AND l.reservation_id IS NULL
                                    AND l.kind = 'shop' AND l.answer ->> 'location' = {location}
                                    AND l.answer ->> 'left' = {table_text} AND (l.answer ->> 'active')::boolean)
                 ORDER BY m.id DESC LIMIT 1) AS d
  JOIN holdfast.operation_records AS o ON o.sequence = d.operation
 WHERE s.location = {location} AND NOT s.active AND r.active AND d.kind = 'deactivate'
 ORDER BY length(r.key::text), r.key::text
 LIMIT {rows_max}
