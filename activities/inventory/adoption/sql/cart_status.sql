    BEGIN
        UPDATE {carts} AS t
           SET {cart_status_column} = word{cart_touched}
         WHERE t.{cart_key} = cart AND word IS NOT NULL
           AND t.{cart_status_column}::text IS DISTINCT FROM word
           AND (outcome = 'fulfilled'
                OR t.{cart_status_column}::text IS DISTINCT FROM {cart_fulfilled});
    EXCEPTION
        {not_now}
        WHEN OTHERS THEN
            PERFORM holdfast.note_misfit(NEW.checkout_id, NULL, {cart_status_text},
                                         word || ' (' || SQLERRM || ')');
    END;
