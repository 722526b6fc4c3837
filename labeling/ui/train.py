"""The Train page: run the round or one stage, watch it, stop it, go on, and compare what came of runs."""

from labeling.ui.frame import frame


def page() -> None:
    """Put the page into the Blocks that are being built."""
    frame("train")
