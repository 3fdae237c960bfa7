-- Give the shop's rows the figures of their stock items, where they differ: what was put back or
-- cut. It runs under the shop's path, for the shop's own triggers; so all else in it has its
-- schema.
CREATE FUNCTION holdfast.write_back_rows(keys {key_type}[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = {path} AS $$
DECLARE
    changed record;
BEGIN
    WITH wanted AS (
        SELECT a.key, s.sku, s.total_quantity, s.reserved_quantity
          FROM holdfast.adopted_rows AS a
          JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id
          JOIN {table} AS t ON t.{key} = a.key
         WHERE a.key = ANY(keys) AND ({figures_of_row}) IS DISTINCT FROM ({figures_of_item})
    ), written AS (
        UPDATE {table} AS t
           SET {figures_set}
          FROM wanted AS s
         WHERE t.{key} = s.key
        RETURNING s.key, ({figures_of_row}) IS NOT DISTINCT FROM ({figures_of_item}) AS is_as_wanted
    )
    SELECT w.key, w.sku FROM wanted AS w
     WHERE NOT EXISTS (SELECT FROM written AS u WHERE u.key = w.key AND u.is_as_wanted)
     LIMIT 1 INTO changed;
    IF FOUND THEN
        PERFORM holdfast.refuse_changed_row(changed.key::text, changed.sku);
    END IF;
END $$;
