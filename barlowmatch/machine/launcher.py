"""What says in its environment who started this process: a launcher such as torchrun, a program, or somebody by hand.

Asking needs no torch.
"""

import os

from barlowmatch.processes import born

FOR_A_PROGRAM = "BARLOWMATCH_FOR_A_PROGRAM"
"""Set by programs that start commands and read what these say."""


def is_by_hand() -> bool:
    """Say whether a person reads what is printed."""
    return not os.environ.get(FOR_A_PROGRAM)


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


def restarts() -> int:
    """Return how often the launcher has started all processes anew because one was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def job() -> str | None:
    """Return what names the launcher of this process and of those lost before it; None without one."""
    if "TORCHELASTIC_RESTART_COUNT" not in os.environ:
        return None
    return f"{os.getppid()} {born(os.getppid())}"
