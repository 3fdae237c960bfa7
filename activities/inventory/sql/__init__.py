"""The ledger's SQL: the schema as it stands, and the statements by noun."""
