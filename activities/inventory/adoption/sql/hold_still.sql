-- In the order of the ledger's own operations: who is under way ends first, and nobody moves stock
-- until the switches are on. So each movement is before them, and numbered so, or meets them.
LOCK TABLE holdfast.reservations, holdfast.stock_movements, holdfast.reservation_lines,
           holdfast.stock_items IN SHARE ROW EXCLUSIVE MODE;
