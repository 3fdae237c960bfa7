-- What breaks I5: a table or column of the plan that has another name or is gone, or that the
-- ledger's owner may not read; a switch of the adoption that is missing or would not fire; words
-- that nobody follows; and where `rows` says so a row that has another SKU or other figures than
-- its stock item, or none. A restore may turn ALWAYS into ORIGIN.
--
-- Functions have names as text, so Postgres lets the shop change them, and then each function that
-- has them fails. This one goes by the catalogue alone, and by views, which follow a new name.
CREATE OR REPLACE FUNCTION holdfast.find_shop_breaches(rows boolean, breaches_max integer)
RETURNS TABLE (subject text, finding text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- So long words may wait: a few rounds of the reconciler.
    patience CONSTANT interval := '{words_patience_seconds} seconds';
BEGIN
    RETURN QUERY
    SELECT DISTINCT
           CASE WHEN c.oid IS NOT NULL AND a.attnum IS NULL THEN format('column %s of %s', e.name, e.place)
                ELSE format('table %s', e.place) END,
           CASE WHEN a.attnum IS NULL
                THEN 'is not there under this name, and what goes by it fails: give it its name back; to '
                     'rename it, leave first, and apply a plan with the new name'
                ELSE format('may not be read by %s, and what goes by it fails: `adopt check` names the right',
                            current_user) END
      FROM (VALUES {planned}) AS e(place, name)
      LEFT JOIN (SELECT c.oid, n.oid AS schema, ARRAY[n.nspname::text, c.relname::text] AS path
                   FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace) AS c
        ON c.path = parse_ident(e.place) COLLATE "C"
      LEFT JOIN pg_attribute AS a
        ON a.attrelid = c.oid AND a.attname = e.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE NOT coalesce(has_schema_privilege(c.schema, 'USAGE')
                        AND has_column_privilege(c.oid, a.attnum, 'SELECT'), false)
     ORDER BY 1
     LIMIT breaches_max;
    -- The view has the columns that were there when the plan was applied, whatever they are called.
    RETURN QUERY
    SELECT format('column %s of %s', e.name, e.place),
           'is not the column that was adopted, which has another name by now: to rename it, leave first, '
           'and apply a plan with the new name'
      FROM (VALUES {viewed}) AS e(place, name)
      JOIN (SELECT c.oid, ARRAY[n.nspname::text, c.relname::text] AS path
              FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace) AS c
        ON c.path = parse_ident(e.place) COLLATE "C"
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = e.name AND NOT a.attisdropped
     WHERE NOT EXISTS (SELECT FROM pg_rewrite AS w
                         JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                        WHERE w.ev_class = to_regclass('holdfast.shop_rows')
                          AND d.refobjid = c.oid AND d.refobjsubid = a.attnum)
     LIMIT breaches_max;
    RETURN QUERY
    SELECT format('trigger %s on %s', e.name, e.place),
           CASE WHEN t.tgname IS NULL THEN 'is missing: leave, and apply the plan again'
                ELSE format('is switched off: ALTER TABLE %s ENABLE ALWAYS TRIGGER %s',
                            e.place, e.name) END
      FROM (VALUES {triggers}) AS e(name, place)
      -- Of a table that is not there, that is told already.
      JOIN (SELECT c.oid, ARRAY[n.nspname::text, c.relname::text] AS path
              FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace) AS c
        ON c.path = parse_ident(e.place) COLLATE "C"
      LEFT JOIN pg_trigger AS t
        ON t.tgrelid = c.oid AND t.tgname = e.name AND NOT t.tgisinternal
     WHERE t.tgenabled IS DISTINCT FROM 'A'
     LIMIT breaches_max;
    RETURN QUERY
    SELECT format('row %s of %s', w.key, {table_text}),
           format('its words have waited to be followed since %s', w.noted_at)
      FROM holdfast.late_words AS w
     WHERE NOT w.blocked AND w.noted_at < holdfast.clock() - patience
     LIMIT breaches_max;
    IF NOT rows THEN
        RETURN;
    END IF;
    BEGIN
        RETURN QUERY
        SELECT format('%s at %s', r.item_sku, {location}),
               format('is row %s of %s, which is called %s', r.key, {table_text},
                      coalesce(r.sku, 'null'))
          FROM holdfast.row_skus AS r
         WHERE r.sku IS DISTINCT FROM r.item_sku AND r.stock_item_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM holdfast.late_words AS w WHERE w.key = r.key AND NOT w.blocked)
         LIMIT breaches_max;
        RETURN QUERY
        SELECT format('%s at %s', f.sku, f.location),
               format('total %s and reserved %s, in the shop %s and %s', f.total_quantity,
                      f.reserved_quantity, coalesce(f.row_total::text, 'none'),
                      coalesce(f.row_reserved::text, 'none'))
          FROM holdfast.adopted_figures AS f
         -- As they are stored: one that is null is another than its stock item's.
         WHERE {has_total} AND f.row_total IS DISTINCT FROM f.total_quantity
            OR {has_reserved} AND f.row_reserved IS DISTINCT FROM f.reserved_quantity
         LIMIT breaches_max;
        RETURN QUERY
        SELECT format('row %s of %s', r.key, {table_text}),
               format('its SKU %s has no stock item that follows it', coalesce(r.sku, 'null'))
          FROM holdfast.shop_rows AS r
         WHERE NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = r.key)
           AND NOT EXISTS (SELECT FROM holdfast.late_words AS w WHERE w.key = r.key AND NOT w.blocked)
           AND EXISTS (SELECT FROM holdfast.adoption AS d WHERE d.done_at IS NOT NULL)
         LIMIT breaches_max;
        RETURN QUERY
        SELECT format('row %s of %s', coalesce(a.key, a.gone_key), {table_text}), 'is gone, and its stock item is not'
          FROM holdfast.adopted_rows AS a
         WHERE NOT EXISTS (SELECT FROM holdfast.shop_rows AS r WHERE r.key = a.key)
         LIMIT breaches_max;
    EXCEPTION WHEN insufficient_privilege THEN
        -- Which table it is, is told already.
        RETURN;
    END;
END $$;
