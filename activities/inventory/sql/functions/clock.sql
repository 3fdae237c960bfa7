-- The one clock of the ledger: the time of reading, not that of the transaction's begin. A function
-- of its own, so that a test can turn it.
CREATE FUNCTION holdfast.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE
AS 'SELECT clock_timestamp()';
