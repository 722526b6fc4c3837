"""What a GPU does in one kernel where torch's operations take many, written in Triton.

`color`, `resampling` and `optim` are named after the modules whose operations they do, with the same numbers but for
rounding; `norms` does those of batch norm, and `norm_passes` is what it launches.
Triton is there where torch was built for CUDA, and needs a C compiler: ask `available` before importing one.
"""

from functools import lru_cache

import torch


def available(device: torch.device) -> bool:
    """Say whether kernels can be built for `device`."""
    return device.type == "cuda" and why_not(device) is None


@lru_cache(maxsize=8)
def why_not(device: torch.device) -> str | None:
    """Return why kernels cannot be built for a GPU, by building one; None where they can."""
    try:
        from barlowmatch.fast.kernels import color

        color.jitter(torch.zeros(1, 3, 2, 2, device=device), torch.zeros(1, 4), torch.ones(1, 4), torch.ones(1))
    except Exception as error:  # whatever keeps a compiler from working here
        return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
    return None
