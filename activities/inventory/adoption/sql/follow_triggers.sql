-- They go by name: what is noted comes before the look at what is held.
CREATE TRIGGER zz_holdfast_former_sku
BEFORE UPDATE ON {table}
FOR EACH ROW WHEN ({sku_changed})
EXECUTE FUNCTION holdfast.note_former_sku();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER zz_holdfast_former_sku;

CREATE TRIGGER zz_holdfast_former_sku_gone
BEFORE DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION holdfast.note_former_sku();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER zz_holdfast_former_sku_gone;

CREATE TRIGGER zz_holdfast_keep_held
BEFORE DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION holdfast.keep_held_row();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER zz_holdfast_keep_held;

CREATE TRIGGER zz_holdfast_refuse_truncate
BEFORE TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER zz_holdfast_refuse_truncate;

-- Before what follows, also where the shop has its constraints checked at once.
CREATE TRIGGER zz_holdfast_carry_key
AFTER UPDATE ON {table}
FOR EACH ROW WHEN (OLD.{key} <> NEW.{key})
EXECUTE FUNCTION holdfast.move_link();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER zz_holdfast_carry_key;

CREATE TRIGGER zz_holdfast_drop_key
AFTER DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION holdfast.move_link();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER zz_holdfast_drop_key;

CREATE CONSTRAINT TRIGGER zz_holdfast_follow_new
AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION holdfast.follow_shop();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER zz_holdfast_follow_new;

CREATE CONSTRAINT TRIGGER zz_holdfast_follow_gone
AFTER DELETE ON {table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION holdfast.follow_shop();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER zz_holdfast_follow_gone;

CREATE CONSTRAINT TRIGGER zz_holdfast_follow
AFTER UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN ({row_changed})
EXECUTE FUNCTION holdfast.follow_shop();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER zz_holdfast_follow;
