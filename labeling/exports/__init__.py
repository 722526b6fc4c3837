"""What goes out: labeled images as datasets of their own."""
