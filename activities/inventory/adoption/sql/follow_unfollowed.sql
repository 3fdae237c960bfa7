    -- What was written while the switches were off counts as if they had been on, before the ledger
    -- writes over it.
    unfollowed := ARRAY(SELECT a.key
                          FROM holdfast.adopted_rows AS a
                          JOIN {table} AS t ON t.{key} = a.key
                          JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id
                         WHERE a.key = ANY(wanted) AND a.begun
                           AND ({figures_of_row}) IS DISTINCT FROM ({figures_of_item}));
    IF cardinality(unfollowed) > 0 THEN
        PERFORM holdfast.follow_shop_rows(unfollowed, 'written past the switches');
    END IF;
