"""The orders in the export of a shop."""
