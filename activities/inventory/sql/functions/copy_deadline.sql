-- The lines of a reservation have its deadline, whoever moves it or takes it away. What is over has
-- nothing open that anybody would look for.
CREATE FUNCTION holdfast.copy_deadline() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE holdfast.reservation_lines SET ends_at = NEW.ends_at WHERE reservation_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER reservations_copy_deadline
AFTER UPDATE OF status, expires_at, paying_until ON holdfast.reservations
FOR EACH ROW WHEN (OLD.ends_at IS DISTINCT FROM NEW.ends_at AND NEW.closed_at IS NULL)
EXECUTE FUNCTION holdfast.copy_deadline();
