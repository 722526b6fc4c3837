"""What models made of the images: which embeddings there are, how they are read and taken up."""
