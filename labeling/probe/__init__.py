"""Learning while people label: a linear probe on the newest embeddings, refitted in a process of its own."""
