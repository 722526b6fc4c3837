"""The People page: who may come in, what they may do, and what each has labeled."""

from labeling.ui.frame import frame


def page() -> None:
    """Put the page into the Blocks that are being built."""
    frame("people")
