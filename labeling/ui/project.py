"""The Project page: what comes next, the images and what is wrong with them, the classes, labels from elsewhere."""

from labeling.ui.frame import frame


def page() -> None:
    """Put the page into the Blocks that are being built."""
    frame("project")
