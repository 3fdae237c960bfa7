WITH r AS ({rows}), open AS (
    SELECT l.stock_item_id, sum(l.quantity) AS quantity
      FROM holdfast.reservation_lines AS l
     WHERE l.quantity > 0
     GROUP BY 1
)
SELECT r.key::text AS key, r.sku, r.total, r.reserved, o.quantity AS held, count(*) OVER () AS rows
  FROM open AS o
  JOIN holdfast.stock_items AS s ON s.id = o.stock_item_id AND s.location = {location}
  JOIN r ON r.sku = s.sku,
       LATERAL (SELECT coalesce(sum(m.total_delta), 0) AS total,
                       coalesce(sum(m.reserved_delta), 0) AS reserved
                  FROM holdfast.stock_movements AS m
                 WHERE m.stock_item_id = s.id AND m.id > {moved_after}
                   AND m.reservation_id IS NOT NULL) AS l
 WHERE r.total IS NOT NULL
   AND (r.reserved + l.reserved < o.quantity OR r.total + l.total < o.quantity
        OR NOT {was_left})
 ORDER BY 1
 LIMIT {rows_max}
