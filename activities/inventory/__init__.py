"""The stock ledger: exact figures in Postgres, one transaction per operation, nothing of Temporal."""
