"""How the ledger reaches Postgres: connections, calls, errors, rights, migration."""
