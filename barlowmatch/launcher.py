"""What a launcher such as torchrun says of this process in its environment; asking needs no torch."""

import os


def is_main() -> bool:
    """Say whether this is the one process that writes and reports."""
    return int(os.environ.get("RANK", "0")) == 0


def is_one_of_several() -> bool:
    """Say whether others were launched beside this process."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def local_rank() -> int:
    """Return which of the processes on its machine this is, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_count() -> int:
    """Return how many processes were launched on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
