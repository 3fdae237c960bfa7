"""What can be bought, read from the database by a shop that may read it."""
