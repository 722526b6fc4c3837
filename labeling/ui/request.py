"""The Request page: choose by a strategy what to ask for, look at it, and ask."""

from labeling.ui.frame import frame


def page() -> None:
    """Put the page into the Blocks that are being built."""
    frame("request")
