"""The chaos run: real checkouts on real servers while faults strike, then a verdict."""
