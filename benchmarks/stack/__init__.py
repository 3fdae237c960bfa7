"""The whole stack: checkouts through client, Temporal, worker and Postgres, beside its peers."""
