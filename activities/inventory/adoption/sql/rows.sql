SELECT t.{key} AS key, normalize(({sku})::text, NFC) AS sku, ({product})::text AS product,
       {name} AS name, {active} AS active, {total} AS total, {reserved} AS reserved
  FROM {from_rows}
