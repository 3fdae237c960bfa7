-- What is written to stay is not changed or removed.
CREATE FUNCTION holdfast.refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN
    RAISE EXCEPTION 'holdfast.% is append only', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER stock_movements_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON holdfast.stock_movements
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_change();

CREATE TRIGGER operation_records_append_only
BEFORE DELETE OR TRUNCATE ON holdfast.operation_records
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_change();

CREATE TRIGGER operation_records_answered_once
BEFORE UPDATE ON holdfast.operation_records
FOR EACH ROW WHEN (OLD.answer IS NOT NULL) EXECUTE FUNCTION holdfast.refuse_change();
