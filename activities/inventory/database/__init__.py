"""Where the ledger's database is, what its sessions rely on, and how connections to it are made."""
