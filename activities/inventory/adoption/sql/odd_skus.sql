WITH r AS ({rows}) SELECT r.key::text AS key, r.sku FROM r WHERE NOT holdfast.is_id(r.sku)
 ORDER BY length(r.key::text), r.key::text
 LIMIT {odd_max}
