"""Write what today's code leaves on a disk as the next set beside this file: `python -m tests.formats.write`.

A set is written when a format changes, by the code from before the change, and stays as it is from then on:

| file | is |
|---|---|
| `data` | 32 handwritten digits of 8×8 px in class folders, in groups by their names |
| `runs/pretrain`, `runs/fixmatch` | runs that were stopped in the middle, with the checkpoint to go on from |
| `runs/classifier` | a finished run; of its checkpoints the best one |
| `representations` | embeddings and probabilities by it |
| `manifest.csv` | a manifest of the images |
| `commands.json` | the flags of each command |

The network is the smallest there is, so that a set stays under 3 MB.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from barlowmatch.cli import main, parse_config
from barlowmatch.events import CheckpointSaved, Event
from barlowmatch.stages import classify, fixmatch, pretrain

SETS = Path(__file__).parent
FROM = ("--dataset-folder", "data", "--class-folders", "1")
EXACT = ("--cache", "none", "--device", "cpu", "--precision", "float32")
SMALL = (*FROM, "--backbone", "test_efficientnet", "--image-size", "16", "--views", "digits", *EXACT,
         "--batch-size", "8", "--num-epochs", "2", "--seed", "3")  # fmt: skip
LEARNED = "runs/classifier/best.pt"
COMMANDS = {
    "pretrain": (*SMALL, "--run-dir", "runs/pretrain", "--projector-width", "8"),
    "train-classifier": (*SMALL, "--run-dir", "runs/classifier", "--classifier-width", "8",
                         "--transfer-path", "runs/pretrain/last.pt"),
    "fixmatch": (*SMALL, "--run-dir", "runs/fixmatch", "--mu", "1", "--transfer-path", LEARNED),
    "embed": (*FROM, "--checkpoint-path", LEARNED, "--out-path", "representations", *EXACT),
    "inspect": (*FROM, "--group-by", r"/(\w+-\d+)-", "--manifest-out", "manifest.csv"),
}  # fmt: skip
STOPPED_AFTER = 2
"""Steps; each of the stages has more."""


def write(folder: Path) -> None:
    """Write a set into a new folder."""
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = place
        os.chdir(place)
        _write_images(Path("data"))
        for stage, run in (("pretrain", pretrain.run), ("train-classifier", classify.run), ("fixmatch", fixmatch.run)):
            config = parse_config(stage, [*COMMANDS[stage], "--checkpoint-minutes", "0.0001"])
            if stage == "train-classifier":
                run(config)
                Path("runs/classifier/last.pt").unlink()
                continue
            try:
                run(config, _stop)
            except KeyboardInterrupt:
                print(f"{stage} is stopped")
        for command in ("embed", "inspect"):
            if main([command, *COMMANDS[command]]) != 0:
                raise SystemExit(f"{command} failed")
        Path("commands.json").write_text(json.dumps(COMMANDS, indent=2) + "\n")
        shutil.copytree(place, folder, ignore=shutil.ignore_patterns("barlowmatch", "*.partial*"))


def _stop(event: Event) -> None:
    if isinstance(event, CheckpointSaved) and event.step == STOPPED_AFTER:
        raise KeyboardInterrupt


def _write_images(folder: Path) -> None:
    digits = load_digits(n_class=3)
    row = 0
    for split, count in (("train", 12), ("val", 9), ("unlabeled", 11)):
        for number in range(count):
            label = "" if split == "unlabeled" else str(digits.target[row])
            path = folder / split / label / f"{split}-{number // 4}-{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((digits.images[row] * 15).astype(np.uint8)).save(path)
            row += 1


if __name__ == "__main__":
    write(SETS / str(1 + max((int(path.name) for path in SETS.iterdir() if path.name.isdigit()), default=0)))
