-- Each row's SKU beside that of its stock item, where it has one, and the item that has the row's
-- SKU; `wanted_is_left` where nothing of that is reserved or for sale.
CREATE VIEW holdfast.row_skus AS
SELECT r.key, r.sku, a.stock_item_id, s.sku AS item_sku, w.id AS wanted_item_id,
       w.reserved_quantity = 0 AND (w.total_quantity = 0 OR NOT w.active) AS wanted_is_left
  FROM holdfast.shop_rows AS r
  LEFT JOIN holdfast.adopted_rows AS a ON a.key = r.key
  LEFT JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id
  LEFT JOIN holdfast.stock_items AS w ON w.sku = r.sku AND w.location = {location};
