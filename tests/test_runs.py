"""What a run leaves in its folder."""

import json
from pathlib import Path

import numpy as np
import torch

from barlowmatch.configs.training import ClassifyConfig
from barlowmatch.evaluation import judge
from barlowmatch.events import RunFinished, read_events, silent
from barlowmatch.run_folders import place_run
from barlowmatch.runs import finish, open_run

CLASSES = 4000


def test_the_end_of_a_run_with_thousands_of_classes_is_a_short_line(tmp_path: Path) -> None:
    labels = np.arange(CLASSES)
    guesses = np.where(labels % 5 == 0, 0, labels)
    report = judge(torch.eye(CLASSES)[guesses], labels, [f"class {label}" for label in labels])
    config = ClassifyConfig(run_dir=tmp_path)
    with open_run("train-classifier", config, place_run("train-classifier", config), {}, silent) as run:
        finish(run, 7, {"steps": 7, "val": report.to_dict()})

    (end,) = read_events(tmp_path / "events.jsonl")
    assert isinstance(end, RunFinished)
    assert end.results["val"]["accuracy"] == report.accuracy
    assert (tmp_path / "events.jsonl").stat().st_size < 2**20
    written = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["val"]
    assert written["confusion"] == [[label, guess, 1] for label, guess in enumerate(guesses.tolist())]
