"""How the client speaks with Temporal: connection, starts, exchanges, encryption, its end."""
