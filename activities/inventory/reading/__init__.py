"""What the tables tell afterwards: only read, and nothing is locked. Every list has a bound."""
