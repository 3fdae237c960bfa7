CREATE TRIGGER zz_holdfast_keep
BEFORE UPDATE ON {table}
FOR EACH ROW WHEN ({figures_changed})
EXECUTE FUNCTION holdfast.keep_shop_row();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER zz_holdfast_keep;
