"""What a CPU does in one loop where torch's operations take many, compiled by numba.

`tiles` does the transforms of `barlowmatch.models.winograd`, by the matrices of `cook_toom`; `norms` does the passes of
`barlowmatch.models.norms`, and `norm_passes` is what it calls. Machines with a GPU may lack numba: ask `available`
before importing one.
"""

from importlib.util import find_spec


def available() -> bool:
    """Say whether loops can be compiled here."""
    return find_spec("numba") is not None
