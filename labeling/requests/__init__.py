"""What people are asked: strategies choose from a pool, request tables become questions."""
