-- Which row of the shop's shows which open line.
CREATE TABLE holdfast.adopted_holds (
    reservation_id bigint NOT NULL,
    stock_item_id bigint NOT NULL,
    row_key {hold_key_type} NOT NULL,
    PRIMARY KEY (reservation_id, stock_item_id)
);
CREATE INDEX adopted_holds_by_row ON holdfast.adopted_holds (row_key);

-- Show an open line of a hold in the shop's table, follow it there, and take it out when it is over
-- or paid. What does not fit a column is null, and counted. A row that the shop has deleted stays
-- away. One that cannot be written is not there, and counted: the next change of the hold tries
-- again.
CREATE FUNCTION holdfast.show_hold(
    reservation bigint, item bigint, units bigint, ends_at timestamptz)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = {holds_path} AS $$
DECLARE
    known {hold_key_type} := (SELECT h.row_key FROM holdfast.adopted_holds AS h
                               WHERE h.reservation_id = reservation AND h.stock_item_id = item);
    is_over boolean := units = 0 OR ends_at IS NULL;
    product text;
    r record;
BEGIN
    IF known IS NOT NULL AND NOT is_over THEN
        BEGIN
            UPDATE {holds} AS t SET {hold_quantity} = units, {hold_expires_at} = {hold_deadline}
             WHERE t.{hold_key} = known;
            RETURN;
        EXCEPTION
            {not_now}
            WHEN OTHERS THEN
                PERFORM holdfast.note_unshown(reservation, item, units::text, SQLERRM);
                -- Better none than one that says what is not so.
                is_over := true;
        END;
    END IF;
    IF is_over THEN
        -- Forgotten first: what is known for a hold's is missed when it goes.
        DELETE FROM holdfast.adopted_holds AS h
         WHERE h.reservation_id = reservation AND h.stock_item_id = item;
        BEGIN
            DELETE FROM {holds} AS t WHERE t.{hold_key} = known;
        EXCEPTION
            {not_now}
            WHEN OTHERS THEN
                PERFORM holdfast.note_unshown(reservation, item, 'gone', SQLERRM);
        END;
        RETURN;
    END IF;
    product := (SELECT s.product FROM holdfast.adopted_rows AS a
                  JOIN holdfast.shop_rows AS s ON s.key = a.key
                 WHERE a.stock_item_id = item);
    IF product IS NULL THEN
        RETURN;
    END IF;
    SELECT v.checkout_id, v.customer_id, v.cart_id, v.created_at AS held_at
      FROM holdfast.reservations AS v WHERE v.id = reservation INTO r;
{hold_misfits}    BEGIN
        INSERT INTO {holds} AS t ({hold_product}, {hold_quantity}, {hold_expires_at}{hold_others})
        VALUES (product::{hold_product_type}, units, {hold_deadline}{hold_values})
        RETURNING t.{hold_key} INTO known;
    EXCEPTION
        {not_now}
        WHEN OTHERS THEN
            PERFORM holdfast.note_unshown(reservation, item, units::text, SQLERRM);
            RETURN;
    END;
    INSERT INTO holdfast.adopted_holds VALUES (reservation, item, known);
END $$;

-- Count a row that could not be written as it should be, and say why.
CREATE FUNCTION holdfast.note_unshown(reservation bigint, item bigint, wanted text, why text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT holdfast.note_misfit(r.checkout_id, s.sku, {holds_text}, wanted || ' (' || why || ')')
      FROM holdfast.reservations AS r, holdfast.stock_items AS s
     WHERE r.id = reservation AND s.id = item
$$;

CREATE FUNCTION holdfast.follow_line()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM holdfast.keep_to_budget();
    PERFORM holdfast.show_hold(NEW.reservation_id, NEW.stock_item_id, NEW.quantity, NEW.ends_at);
    RETURN NULL;
END $$;

CREATE TRIGGER reservation_lines_show_hold
AFTER INSERT OR UPDATE OF quantity, ends_at ON holdfast.reservation_lines
FOR EACH ROW EXECUTE FUNCTION holdfast.follow_line();
ALTER TABLE holdfast.reservation_lines ENABLE ALWAYS TRIGGER reservation_lines_show_hold;
