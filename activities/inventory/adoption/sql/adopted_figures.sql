-- Each adopted row beside its stock item, and the figures that both are to have. What a policy
-- gives to the shop counts as it stands in the row, down to what checkouts hold; the rest is the
-- item's. A row that is not taken in yet counts with what checkouts have moved and it lacks. Where
-- a row of the item's was taken in before and then deleted, the one that is made anew lacks
-- nothing: the other had it all.
CREATE VIEW holdfast.adopted_figures AS
SELECT f.*,
       CASE WHEN {reserved_is_shared} OR NOT f.begun
            THEN least(greatest(coalesce(f.row_reserved + f.lacks_reserved, f.reserved_quantity), f.held), f.total)
            ELSE f.reserved_quantity END AS reserved
  FROM (SELECT a.key, a.begun, s.id AS stock_item_id, s.sku, s.location, s.name, s.active,
               s.total_quantity, s.reserved_quantity,
               s.reserved_quantity - s.shop_reserved AS held,
               r.sku AS row_sku, r.name AS row_name, r.active AS row_active,
               r.total AS row_total, r.reserved AS row_reserved,
               coalesce(l.reserved, 0) AS lacks_reserved,
               CASE WHEN {total_is_shared} OR NOT a.begun
                    THEN greatest(
                        coalesce(r.total + coalesce(l.total, 0), s.total_quantity),
                        CASE WHEN {reserved_is_shared} OR NOT a.begun
                             THEN s.reserved_quantity - s.shop_reserved
                             ELSE s.reserved_quantity END)
                    ELSE s.total_quantity END AS total
          FROM holdfast.adopted_rows AS a
          JOIN holdfast.shop_rows AS r ON r.key = a.key
          JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id
          LEFT JOIN LATERAL (
               SELECT sum(m.total_delta)::bigint AS total, sum(m.reserved_delta)::bigint AS reserved
                 FROM holdfast.adoption AS d
                 JOIN holdfast.stock_movements AS m
                   ON m.stock_item_id = s.id AND m.id > d.moved_after
                WHERE NOT a.begun AND d.done_at IS NULL AND m.reservation_id IS NOT NULL
                  AND NOT EXISTS (SELECT FROM holdfast.parted_items AS p
                                   WHERE p.stock_item_id = s.id)) AS l
            ON true) AS f;
