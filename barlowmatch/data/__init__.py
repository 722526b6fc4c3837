"""Images: which files, which labels, which pixels, which views of them."""
