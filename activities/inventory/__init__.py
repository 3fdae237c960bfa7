"""The stock ledger: exact figures in Postgres, one transaction per operation, no Temporal."""
