"""What comes in: the images of a project, and the labels that people bring with them."""
