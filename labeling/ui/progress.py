"""The Progress page: how good the networks are, what one more round is likely to bring, and how people work."""

from labeling.ui.frame import frame


def page() -> None:
    """Put the page into the Blocks that are being built."""
    frame("progress")
