"""`python -m labeling`: its commands and how they tell of themselves."""
