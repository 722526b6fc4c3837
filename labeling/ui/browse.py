"""The Browse page: all images, filtered, and their labels to be corrected."""

from labeling.ui.frame import frame


def page() -> None:
    """Put the page into the Blocks that are being built."""
    frame("browse")
