UPDATE {table} AS t
       SET {figures_set}
      FROM holdfast.adopted_rows AS a
      JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id
     WHERE a.key = ANY(keys) AND t.{key} = a.key
       AND ({figures_of_row}) IS DISTINCT FROM ({figures_of_item});
