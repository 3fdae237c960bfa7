"""The ledger alone, without Temporal: against other ways to reserve, and under a long history."""
