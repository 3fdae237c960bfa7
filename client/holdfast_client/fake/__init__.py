"""A shop in memory with the client's methods, for the tests of a checkout service."""
