-- The shop's rows in the ledger's words. What the shop has no column for is null.
CREATE VIEW holdfast.shop_rows AS
{rows};
