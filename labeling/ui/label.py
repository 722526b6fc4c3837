"""The Label page: one key an image, or a page of images in the grid."""

from labeling.ui.frame import frame


def page() -> None:
    """Put the page into the Blocks that are being built."""
    frame("label")
