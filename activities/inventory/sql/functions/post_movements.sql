-- The one writer of stock: figures, movements and the quantities of lines. Every verb is a set of
-- postings, given as parallel arrays: operation, reservation (or null), stock item, kind, and by
-- how much total and reserved change. Returns when the stock was locked.
--
-- It locks the rows of an adopted shop, then the stock items by id, whoever has locked them before.
-- What new wants take must be for sale, else it fails with HF001 and nothing is written. A line
-- follows from its postings: `fulfil` fulfils, what lowers reserved otherwise releases, the rest is
-- taken. What the kind `shop` reserves is the shop's own.
--
-- Where somebody has written wrong figures by hand, what gives back still goes through: the
-- movements stay exact, the figures stop at their bounds, and the audit names the difference.
CREATE FUNCTION holdfast.post_movements(
    operations bigint[], reservations bigint[], items bigint[], kinds text[],
    total_deltas bigint[], reserved_deltas bigint[], reasons text[], actors text[])
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fits boolean;
    at timestamptz;
BEGIN
    -- Who posts for the shop has its rows.
    IF NOT 'shop' = ANY(kinds) THEN
        PERFORM holdfast.lock_shop_rows(items);
    END IF;
    SELECT bool_and(stock.for_sale >= stock.wanted)
      FROM (SELECT s.for_sale_quantity AS for_sale, w.wanted
              FROM (SELECT p.item,
                           CASE WHEN bool_or(p.kind IN ('reserve', 'amend', 'supersede'))
                                THEN greatest(sum(p.reserved_delta), 0) ELSE 0 END AS wanted
                      FROM unnest(items, kinds, reserved_deltas) AS p(item, kind, reserved_delta)
                     GROUP BY 1) AS w
              JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[w.item])
             ORDER BY s.id
               FOR NO KEY UPDATE OF s) AS stock
      INTO fits;
    IF NOT fits THEN
        RAISE 'the stock does not suffice for all: decide' USING ERRCODE = 'HF001';
    END IF;
    at := holdfast.clock();
    INSERT INTO holdfast.stock_movements
           (stock_item_id, operation, reservation_id, kind, total_delta, reserved_delta,
            reason, actor, created_at)
    SELECT p.item, p.operation, p.reservation, p.kind, p.total_delta, p.reserved_delta,
           coalesce(p.reason, ''), coalesce(p.actor, ''), at
      FROM unnest(operations, reservations, items, kinds, total_deltas, reserved_deltas,
                  reasons, actors)
           AS p(operation, reservation, item, kind, total_delta, reserved_delta, reason, actor);
    IF kinds && ARRAY['fulfil', 'release', 'cancel', 'expire', 'amend', 'supersede'] THEN
        UPDATE holdfast.reservation_lines AS l
           SET quantity = l.quantity + c.open,
               fulfilled_quantity = l.fulfilled_quantity + c.fulfilled,
               released_quantity = l.released_quantity + c.released,
               taken_quantity = l.taken_quantity + c.open + c.fulfilled + c.released
          FROM (SELECT p.reservation, p.item, sum(p.reserved_delta)::bigint AS open,
                       sum(CASE p.kind WHEN 'fulfil' THEN -p.total_delta ELSE 0 END)::bigint
                           AS fulfilled,
                       sum(CASE p.kind WHEN 'fulfil' THEN 0
                                       ELSE greatest(-p.reserved_delta, 0) END)::bigint AS released
                  FROM unnest(reservations, items, kinds, total_deltas, reserved_deltas)
                       AS p(reservation, item, kind, total_delta, reserved_delta)
                 WHERE p.reservation IS NOT NULL
                 GROUP BY 1, 2) AS c
         WHERE l.reservation_id = ANY(ARRAY[c.reservation])
           AND l.stock_item_id = ANY(ARRAY[c.item]);
    END IF;
    IF kinds && ARRAY['reserve', 'amend', 'supersede'] THEN
        INSERT INTO holdfast.reservation_lines
               (reservation_id, stock_item_id, ends_at, quantity, taken_quantity)
        SELECT p.reservation, p.item, r.ends_at, p.reserved_delta, p.reserved_delta
          FROM unnest(reservations, items, kinds, reserved_deltas)
               AS p(reservation, item, kind, reserved_delta),
               LATERAL (SELECT ends_at FROM holdfast.reservations
                         WHERE id = p.reservation OFFSET 0) AS r
         WHERE p.kind = 'reserve'
            OR p.kind IN ('amend', 'supersede') AND p.reserved_delta > 0
               AND NOT EXISTS (SELECT FROM holdfast.reservation_lines AS l
                                WHERE l.reservation_id = p.reservation
                                  AND l.stock_item_id = p.item);
    END IF;
    UPDATE holdfast.stock_items AS s
       SET total_quantity = CASE WHEN c.ends
               THEN greatest(s.total_quantity + c.total_delta,
                             s.reserved_quantity + c.reserved_delta, 0)
               ELSE s.total_quantity + c.total_delta END,
           reserved_quantity = CASE WHEN c.ends
               THEN greatest(s.reserved_quantity + c.reserved_delta, 0)
               ELSE s.reserved_quantity + c.reserved_delta END,
           shop_reserved = s.shop_reserved + c.by_shop,
           revision = s.revision + c.movements,
           updated_at = at
      FROM (SELECT p.item, sum(p.total_delta)::bigint AS total_delta,
                   sum(p.reserved_delta)::bigint AS reserved_delta, count(*) AS movements,
                   sum(CASE p.kind WHEN 'shop' THEN p.reserved_delta ELSE 0 END)::bigint AS by_shop,
                   bool_and(p.reserved_delta < 0 AND p.kind <> 'shop') AS ends
              FROM unnest(items, kinds, total_deltas, reserved_deltas)
                   AS p(item, kind, total_delta, reserved_delta)
             GROUP BY 1) AS c
     WHERE s.id = ANY(ARRAY[c.item]);
    RETURN at;
END $$;
