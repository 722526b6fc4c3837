"""Which images to ask labels for: one file a strategy."""
