-- Of how many units of a row of stock a transaction of the shop's has taken the rows of holds out:
-- what it takes off for them is put back. Less what was put back to that row already, so it may be
-- below zero. Only that transaction has its notes, and at its end they are gone: nobody waits for
-- anybody.
CREATE TABLE holdfast.owed_units (
    noted_in xid8 NOT NULL,
    key {key_type} NOT NULL,
    units bigint NOT NULL,
    PRIMARY KEY (noted_in, key)
);

CREATE FUNCTION holdfast.owe_units(row_key {key_type}, more bigint)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO holdfast.owed_units AS o (noted_in, key, units)
    VALUES (pg_current_xact_id(), row_key, more)
        ON CONFLICT (noted_in, key) DO UPDATE SET units = o.units + excluded.units
$$;

-- Say how many units are put back to a row of which `lowered` were taken off, which has brought it
-- so far `below` what checkouts hold. Both may be zero or less.
CREATE FUNCTION holdfast.pay_back(row_key {key_type}, lowered bigint, below bigint)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owed bigint;
    units bigint;
BEGIN
    IF lowered <= 0 AND below <= 0 THEN
        RETURN 0;
    END IF;
    owed := (SELECT o.units FROM holdfast.owed_units AS o
              WHERE o.noted_in = pg_current_xact_id_if_assigned() AND o.key = row_key);
    units := greatest(least(coalesce(owed, 0), lowered), below, 0);
    IF units > 0 THEN
        PERFORM holdfast.owe_units(row_key, -units);
    END IF;
    RETURN units;
END $$;

CREATE FUNCTION holdfast.forget_owed_units()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM holdfast.owed_units AS o WHERE o.noted_in = NEW.noted_in AND o.key = NEW.key;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER owed_units_forget
AFTER INSERT ON holdfast.owed_units DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION holdfast.forget_owed_units();
ALTER TABLE holdfast.owed_units ENABLE ALWAYS TRIGGER owed_units_forget;

-- A job of the shop's that takes out overdue rows also takes their units off its figure, before or
-- after. Of a row that shows an open line they are still held, so they are put back: now, if they
-- were taken off already, which only this transaction can have done and see, or when they are
-- (keep_shop_row). A row of the ledger's that it takes out itself is forgotten before (show_hold).
-- It runs under the shop's path, for the shop's own triggers; so all else in it has its schema.
CREATE FUNCTION holdfast.follow_cleared_holds()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = {path} AS $$
DECLARE
    r record;
    back bigint;
    after bigint;
BEGIN
    FOR r IN
        SELECT a.key, s.sku, sum(c.units)::bigint AS units,
               s.reserved_quantity - t.{reserved_column} AS lowered
          FROM cleared_holds AS g,
               LATERAL (SELECT l.stock_item_id, least(l.quantity, g.{hold_quantity}) AS units
                          FROM holdfast.adopted_holds AS h
                          JOIN holdfast.reservation_lines AS l USING (reservation_id, stock_item_id)
                         WHERE h.row_key = g.{hold_key} OFFSET 0) AS c
          JOIN holdfast.adopted_rows AS a ON a.stock_item_id = c.stock_item_id AND a.begun
          JOIN holdfast.stock_items AS s ON s.id = c.stock_item_id
          JOIN {table} AS t ON t.{key} = a.key
         GROUP BY a.key, s.sku, s.reserved_quantity, t.{reserved_column}
    LOOP
        PERFORM holdfast.owe_units(r.key, r.units);
        back := holdfast.pay_back(r.key, r.lowered, 0);
        CONTINUE WHEN back = 0;
        UPDATE {table} AS t SET {reserved_column} = t.{reserved_column} + back{touched}
         WHERE t.{key} = r.key
        RETURNING t.{reserved_column} INTO after;
        PERFORM holdfast.note_put_back(
            r.key::text, r.sku, {reserved_text}, (after - back)::text, after::text);
    END LOOP;
    RETURN NULL;
END $$;
