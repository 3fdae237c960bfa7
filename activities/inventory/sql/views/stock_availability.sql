-- What a product page reads.
CREATE VIEW holdfast.stock_availability AS
SELECT sku, location, name, active, total_quantity AS total, reserved_quantity AS reserved,
       available_quantity AS available
  FROM holdfast.stock_items;
