    IF outcome = ANY(ARRAY[{cart_clear_on}]) THEN
        BEGIN
            -- What was bought, and not what has been put in since: a product may have several
            -- lines, so each gives what those before it have left. They are locked first, and
            -- counted as they are then; without a key of one column nothing else finds them again.
            PERFORM FROM {cart_items} AS t
              WHERE t.{item_cart} = cart::{item_cart_type}
                AND t.{item_product} IN (SELECT b.product::{item_product_type}
                                           FROM holdfast.bought(NEW.id, outcome) AS b)
              ORDER BY {item_order} FOR UPDATE;
            WITH lines AS (
                SELECT t.ctid AS place, t.{item_quantity} AS quantity,
                       b.units + greatest(t.{item_quantity}, 0)
                               - sum(greatest(t.{item_quantity}, 0))
                                     OVER (PARTITION BY t.{item_product} ORDER BY {item_order})
                           AS units_left
                  FROM {cart_items} AS t
                  JOIN holdfast.bought(NEW.id, outcome) AS b
                    ON t.{item_product} = b.product::{item_product_type}
                 WHERE t.{item_cart} = cart::{item_cart_type}
            ), taken_out AS (
                DELETE FROM {cart_items} AS t USING lines AS n
                 WHERE t.ctid = n.place AND n.units_left > 0 AND n.quantity <= n.units_left
            )
            UPDATE {cart_items} AS t
               SET {item_quantity} = n.quantity - n.units_left
              FROM lines AS n
             WHERE t.ctid = n.place AND n.units_left > 0 AND n.quantity > n.units_left;
            {cart_lines_touched}
        EXCEPTION
            {not_now}
            WHEN OTHERS THEN
                PERFORM holdfast.note_misfit(NEW.checkout_id, NULL, {cart_items_text},
                                             'cleared (' || SQLERRM || ')');
        END;
    END IF;
