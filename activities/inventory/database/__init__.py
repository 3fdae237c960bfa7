"""How the ledger reaches Postgres: connections, calls, errors, migration; rights in a room."""
