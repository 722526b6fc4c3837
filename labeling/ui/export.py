"""The Export page: take the labels away as folders, as the training layout or as a table."""

from labeling.ui.frame import frame


def page() -> None:
    """Put the page into the Blocks that are being built."""
    frame("export")
