"""BarlowMatch: learn from all images, ask for few labels.

The numbers of the product: files, tensors and torch. This package knows no database and no screen.
"""

__version__ = "0.1.0"
