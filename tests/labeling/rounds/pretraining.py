"""Folders of runs that pretrained, as they lie in a project."""

from typing import Any

from barlowmatch.events import JsonLines, RunFinished
from barlowmatch.files import write_json
from labeling.runs.supervising import Runs


def pretrained(
    runs: Runs, day: int, before: str | None = None, steps: int | None = 4, *, by_hand: bool = False, **config: Any
) -> str:
    """Write the folder of a run that took so many steps, or that was stopped where it is None; return its name."""
    name = f"pretrain-202601{day:02d}T000000Z-aaaaaa"
    folder = runs.folder(name)
    folder.mkdir(parents=True)
    if not by_hand:
        about = {"preset": "quick", "config": config, "minutes": None, "starts_from": before}
        launched = {"stage": "pretrain", "command": ["x"], "created": "2026-01-01T00:00:00+00:00", "about": about}
        write_json(folder / "launch.json", {**launched, "cancelled": None if steps else "2026-01-01T00:00:01+00:00"})
    write_json(folder / "config.json", {"config": {"batch_size": None, "num_epochs": 20, "backbone": "resnet18"}})
    (folder / "last.pt").touch()
    if steps:
        write_json(folder / "result.json", {"steps": steps})
        lines = JsonLines(folder / "events.jsonl")
        lines(RunFinished(step=steps, results={}))
        lines.close()
    return name
