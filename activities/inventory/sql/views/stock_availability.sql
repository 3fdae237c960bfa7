-- What a product page reads.
CREATE VIEW holdfast.stock_availability AS
SELECT sku, location, name, active, total_quantity AS total, reserved_quantity AS reserved,
       available_quantity AS available, for_sale_quantity AS for_sale
  FROM holdfast.stock_items;
