"""The Temporal activities: thin calls of the ledger in `activities.inventory`."""
