"""Which strategy serves some data: labels that are there already play the human."""
