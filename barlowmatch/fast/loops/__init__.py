"""What a CPU does in one loop where torch's operations take many, compiled by numba.

`tiles` does the transforms of `barlowmatch.fast.winograd`, by the matrices of `toom_cook`; `norms` does the passes of
`barlowmatch.fast.norms`, `pooled_norms` those of a stem, and `norm_passes` is what both call, for numbers of float32
or bfloat16; `color` and `resampling` do what takes longest in `barlowmatch.data.views`. Machines with a GPU may lack
numba: ask `available` before importing one.
"""

from functools import cache
from importlib.util import find_spec


@cache
def available() -> bool:
    """Say whether loops can be compiled here."""
    return find_spec("numba") is not None
