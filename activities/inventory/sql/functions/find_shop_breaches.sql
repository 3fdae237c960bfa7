-- What breaks I5, in the switches that hold it up or, where `rows` says so, in the figures too.
-- Nothing is adopted: nothing does. `adopt apply` puts its own in this one's place.
CREATE FUNCTION holdfast.find_shop_breaches(rows boolean, breaches_max integer)
RETURNS TABLE (subject text, finding text) LANGUAGE plpgsql AS $$
BEGIN
END $$;
