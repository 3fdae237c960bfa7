    PERFORM holdfast.show_hold(l.reservation_id, l.stock_item_id, l.quantity, l.ends_at)
       FROM holdfast.adopted_rows AS a
       JOIN holdfast.reservation_lines AS l ON l.stock_item_id = a.stock_item_id AND l.quantity > 0
      WHERE a.key = ANY(keys);
