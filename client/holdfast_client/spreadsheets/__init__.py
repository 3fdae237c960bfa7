"""CSV files: as people and shops write them, and as they are written for them."""
