    IF outcome = ANY(ARRAY[{cart_clear_on}]) THEN
        BEGIN
            -- What was bought, and not what has been put in since.
            DELETE FROM {cart_items} AS t
             USING holdfast.bought(NEW.id, outcome) AS b
             WHERE t.{item_cart} = cart::{item_cart_type}
               AND t.{item_product} = b.product::{item_product_type} AND t.{item_quantity} <= b.units;
            UPDATE {cart_items} AS t
               SET {item_quantity} = t.{item_quantity} - b.units
              FROM holdfast.bought(NEW.id, outcome) AS b
             WHERE t.{item_cart} = cart::{item_cart_type}
               AND t.{item_product} = b.product::{item_product_type} AND t.{item_quantity} > b.units;
            {cart_lines_touched}
        EXCEPTION
            {not_now}
            WHEN OTHERS THEN
                PERFORM holdfast.note_misfit(NEW.checkout_id, NULL, {cart_items_text},
                                             'cleared (' || SQLERRM || ')');
        END;
    END IF;
