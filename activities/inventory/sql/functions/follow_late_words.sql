-- Follow the words of an adopted shop's rows that wait for it, and say whether to look again for
-- these stock items by these SKUs. Nothing is adopted: nothing waits. `adopt apply` puts its own in
-- this one's place.
CREATE FUNCTION holdfast.follow_late_words(items bigint[], skus text[])
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN false;
END $$;
