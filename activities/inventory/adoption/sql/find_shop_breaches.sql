-- What breaks I5: a switch of the adoption that is missing or would not fire, words that nobody follows,
-- and where `rows` says so a row that has another SKU or other figures than its stock item, or none. A
-- restore may turn ALWAYS into ORIGIN.
CREATE OR REPLACE FUNCTION holdfast.find_shop_breaches(rows boolean, breaches_max integer)
RETURNS TABLE (subject text, finding text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- So long words may wait: a few rounds of the reconciler.
    patience CONSTANT interval := '{words_patience_seconds} seconds';
BEGIN
    RETURN QUERY
    SELECT format('trigger %s on %s', e.name, e.place),
           CASE WHEN t.tgname IS NULL THEN 'is missing: leave, and apply the plan again'
                ELSE format('is switched off: ALTER TABLE %s ENABLE ALWAYS TRIGGER %s',
                            e.place, e.name) END
      FROM (VALUES {triggers}) AS e(name, place)
      LEFT JOIN pg_trigger AS t
        ON t.tgrelid = to_regclass(e.place) AND t.tgname = e.name AND NOT t.tgisinternal
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
     WHERE (coalesce(f.row_total, f.total_quantity), coalesce(f.row_reserved, f.reserved_quantity))
           IS DISTINCT FROM (f.total_quantity, f.reserved_quantity)
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
    SELECT format('row %s of %s', a.key, {table_text}), 'is gone, and its stock item is not'
      FROM holdfast.adopted_rows AS a
     WHERE NOT EXISTS (SELECT FROM holdfast.shop_rows AS r WHERE r.key = a.key)
     LIMIT breaches_max;
END $$;
