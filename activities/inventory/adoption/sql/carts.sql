-- What a checkout's outcome makes of the shop's cart, at the end of the transaction: after the
-- locks on products and stock. A cart that has an open checkout, or was paid, is not told of an
-- older one's end. What the shop's table does not take is counted, and the checkout has its outcome
-- all the same.
CREATE FUNCTION holdfast.follow_cart()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = {carts_path} AS $$
DECLARE
    outcome CONSTANT text := CASE NEW.status WHEN 'committed' THEN 'fulfilled' ELSE NEW.status END;
    word CONSTANT text := CASE outcome WHEN 'fulfilled' THEN {cart_fulfilled}
                                       WHEN 'expired' THEN {cart_expired}
                                       ELSE {cart_cancelled} END;
    cart {cart_type};
BEGIN
    -- A payment is told once, whenever the goods leave.
    IF OLD.status = 'committed' AND outcome = 'fulfilled' THEN
        RETURN NULL;
    END IF;
    cart := {cart_found};
    IF cart IS NULL OR outcome <> 'fulfilled' AND EXISTS (
        SELECT FROM holdfast.reservations AS v
         WHERE v.cart_id = NEW.cart_id AND v.closed_at IS NULL) THEN
        RETURN NULL;
    END IF;
    PERFORM holdfast.keep_to_budget();
{cart_status}{cart_lines}    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER reservations_follow_cart
AFTER UPDATE ON holdfast.reservations DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.cart_id IS NOT NULL AND OLD.status <> NEW.status
                   AND NEW.status IN ('committed', 'fulfilled', 'cancelled', 'expired'))
EXECUTE FUNCTION holdfast.follow_cart();
ALTER TABLE holdfast.reservations ENABLE ALWAYS TRIGGER reservations_follow_cart;
