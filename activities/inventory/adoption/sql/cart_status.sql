    UPDATE {carts} AS t
       SET {cart_status_column} = w.word{cart_touched}
      FROM (SELECT CASE outcome WHEN 'fulfilled' THEN {cart_fulfilled}
                                WHEN 'expired' THEN {cart_expired}
                                ELSE {cart_cancelled} END::text AS word) AS w
     WHERE t.{cart_key} = cart AND w.word IS NOT NULL
       AND t.{cart_status_column}::text IS DISTINCT FROM w.word
       AND (outcome = 'fulfilled'
            OR t.{cart_status_column}::text IS DISTINCT FROM {cart_fulfilled});
