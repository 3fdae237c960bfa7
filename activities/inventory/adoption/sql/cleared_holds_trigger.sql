CREATE TRIGGER zz_holdfast_follow_cleared
AFTER DELETE ON {holds} REFERENCING OLD TABLE AS cleared_holds
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.follow_cleared_holds();
ALTER TABLE {holds} ENABLE ALWAYS TRIGGER zz_holdfast_follow_cleared;
