WITH r AS ({rows}) SELECT r.key::text AS key, r.sku FROM r WHERE r.sku ~ '[^ -~]' OR r.sku ~ '^ | $'
 ORDER BY length(r.key::text), r.key::text
 LIMIT {odd_max}
