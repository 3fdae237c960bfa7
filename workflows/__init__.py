"""The durable workflows: when a hold begins, moves and ends. Whether it may, the ledger says."""
