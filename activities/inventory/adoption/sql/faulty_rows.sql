WITH r AS ({rows}),
found AS (
    SELECT r.key::text AS key, r.sku, r.total, r.reserved, p.problem
      FROM r, LATERAL (VALUES
           (1, 'no SKU', r.sku IS NULL OR r.sku = ''),
           (2, 'a SKU of more than 100 characters', length(r.sku) > 100),
           (3, 'a SKU with control characters', r.sku ~ '[[:cntrl:]]'),
           (4, 'no total', {has_total} AND r.total IS NULL),
           (5, 'nothing in reserved, not even 0', {has_reserved} AND r.reserved IS NULL),
           (6, 'a total below zero', r.total < 0),
           (7, 'reserved below zero', r.reserved < 0),
           (8, 'more reserved than there is', r.reserved > r.total AND r.reserved >= 0),
           (9, 'a total that could outgrow its column', r.total > {total_max} / 2)
           ) AS p(place, problem, is_so)
     WHERE p.is_so
     UNION ALL
    SELECT r.key::text, r.sku, r.total, r.reserved, 'a SKU that another row has too'
      FROM r JOIN (SELECT sku FROM r GROUP BY 1 HAVING count(*) > 1) AS d ON d.sku = r.sku
     WHERE r.sku <> ''
)
SELECT problem, key, sku, total, reserved, rows
  FROM (SELECT *, count(*) OVER (PARTITION BY problem) AS rows,
               row_number() OVER (PARTITION BY problem ORDER BY length(key), key) AS place
          FROM found) AS f
 WHERE place <= {rows_max}
 ORDER BY problem, place
