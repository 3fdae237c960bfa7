-- A payment stays with its checkout, unless it failed and is not in flight again; its state only
-- goes up; it is never removed.
CREATE FUNCTION holdfast.refuse_payment_change() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN
    RAISE EXCEPTION 'a payment stays with its checkout, and its state only goes up'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER payments_only_go_up
BEFORE UPDATE ON holdfast.payments
FOR EACH ROW WHEN (NOT (
    NEW.payment_reference = OLD.payment_reference
    AND (NEW.checkout_id = OLD.checkout_id OR holdfast.is_nobodys(OLD.state, OLD.paying_until, holdfast.clock()))
    AND (NEW.state = OLD.state
         OR OLD.state = 'started' AND NEW.state IN ('failed', 'settled', 'refund_due')
         OR OLD.state = 'failed' AND NEW.state IN ('settled', 'refund_due')
         OR OLD.state = 'settled' AND NEW.state = 'refund_due'
         OR OLD.state = 'refund_due' AND NEW.state = 'refunded')))
EXECUTE FUNCTION holdfast.refuse_payment_change();

CREATE TRIGGER payments_stay
BEFORE DELETE OR TRUNCATE ON holdfast.payments
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_payment_change();
