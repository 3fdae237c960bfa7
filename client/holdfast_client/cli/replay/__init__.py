"""``holdfast replay``: the orders of a file as checkouts."""
