"""The seed's label tensors, written by a process of its own: this package never imports torch."""

import json
import subprocess
import sys
from pathlib import Path

from barlowmatch.errors import InputError

_SCRIPT = """
import json, sys
from pathlib import Path
from barlowmatch.data.labels import write_label_tensors
write_label_tensors(Path(sys.argv[1]), json.load(sys.stdin))
"""


def write_label_tensors(folder: Path, labels: dict[str, list[int]]) -> None:
    """Write the tensors as `create-dataset` does (`barlowmatch.data.labels.write_label_tensors`).

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
