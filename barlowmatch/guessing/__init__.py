"""What follows from few labels on embeddings: guesses, and labels that look wrong."""
