SET LOCAL search_path = {holds_path};
WITH page AS (
    DELETE FROM holdfast.adopted_holds AS h
     WHERE (h.reservation_id, h.stock_item_id) IN (
           SELECT p.reservation_id, p.stock_item_id
             FROM holdfast.adopted_holds AS p LIMIT {holds_at_once_max})
    RETURNING h.row_key
)
DELETE FROM {holds} AS t USING page AS p WHERE t.{hold_key} = p.row_key;
