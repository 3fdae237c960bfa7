-- Wait for, and hold, the rows in which an adopted shop keeps the figures of these stock items.
-- Nothing is adopted: there are none. `adopt apply` puts its own in this one's place.
CREATE FUNCTION holdfast.lock_shop_rows(items bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
END $$;
