-- Rows that the shop has for sale, of stock items that somebody has taken out of sale in the ledger: the shop's
-- word would count, and put them back.
WITH r AS ({rows}), said AS (
    SELECT DISTINCT ON (o.answer ->> 'sku')
           o.answer ->> 'sku' AS sku, o.kind, o.operation_id, o.reason
      FROM holdfast.operation_records AS o
     WHERE o.reservation_id IS NULL AND o.kind IN ('activate', 'deactivate')
       AND o.answer ->> 'status' = 'applied' AND o.answer ->> 'location' = {location}
     ORDER BY 1, o.sequence DESC
)
SELECT r.key::text AS key, r.sku, d.operation_id, d.reason, count(*) OVER () AS rows
  FROM said AS d
  JOIN holdfast.stock_items AS s ON s.sku = d.sku AND s.location = {location}
  JOIN r ON r.sku = s.sku
 WHERE d.kind = 'deactivate' AND NOT s.active AND r.active
 ORDER BY length(r.key::text), r.key::text
 LIMIT {rows_max}
