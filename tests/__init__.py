"""Tests of the product; they mirror the packages.

Of several workers each takes its share of the cores. OpenMP hears of it only before torch is loaded, and only in the
workers themselves: what the process that starts them sets, they inherit.
"""

import os

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    _share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, min(2, _share))))
