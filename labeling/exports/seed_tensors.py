"""The seed's label tensors, written by a process of its own: this package never imports torch."""

import json
import subprocess
import sys
from pathlib import Path

from barlowmatch.errors import InputError

LARGEST_LABEL = 10_000_000
"""The largest label that readers of the layout accept."""

_SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from barlowmatch.data.labels import write_label_tensor
for split, labels in json.load(sys.stdin).items():
    write_label_tensor(Path(sys.argv[1]) / f"{split}_label_tensor.pt", np.array(labels, np.int64))
"""


def write_label_tensors(folder: Path, labels: dict[str, list[int]]) -> None:
    """Write `<split>_label_tensor.pt` for each split, one number an image in the order of their numbers.

    Raises:
        InputError: they could not be written.
    """
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(folder)], input=json.dumps(labels), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{folder}: the label tensors could not be written ({last}); free some space")
