"""Who asks at the same moment shares a transaction; what is too much for one is cut in portions."""
