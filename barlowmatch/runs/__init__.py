"""A run: its folder, its start and its end, and what earlier runs left."""
