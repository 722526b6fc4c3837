"""How far pretraining has come, over all runs that went on from each other."""

import math

from barlowmatch.configs.training import PretrainConfig
from barlowmatch.runs.names import CONFIG, RESULT
from labeling.processes import read_json
from labeling.rounds.planning import Pretrained
from labeling.runs.estimating import steps_of_pass
from labeling.runs.state import Run
from labeling.runs.supervising import Runs
from labeling.runs.wishes import checkpoint_of


def look_for_pretraining(runs: Runs, images: int) -> tuple[Pretrained | None, str | None]:
    """Return the newest finished pretraining, and the run of one that can go on; None where there is none.

    Where one is finished, only what went on from it goes on: others were somebody's tries.

    Args:
        runs: of the project.
        images: how many there are to learn from now.
    """
    known = [run for run in runs.newest() if run.stage == "pretrain" and checkpoint_of(runs, run) is not None]
    done = next((run for run in known if run.state == "done"), None)
    begun = [run for run in known if run.state != "done" and run.command]
    if done is None:
        return None, next((run.name for run in begun), None)
    unfinished = next((run.name for run in begun if run.about.get("starts_from") == done.name), None)
    return find_pretrained(runs, done, images), unfinished


def find_pretrained(runs: Runs, run: Run, images: int) -> Pretrained:
    """Return how far a finished run of pretraining, and those it went on from, have come.

    Args:
        runs: of the project.
        run: the run.
        images: how many there are to learn from now.
    """
    config = read_json(runs.folder(run.name) / CONFIG).get("config", {})
    batch = config.get("batch_size") or PretrainConfig.usual_batch
    steps, seen, at = 0, set[str](), run
    while at.name not in seen:
        seen.add(at.name)
        steps += read_json(runs.folder(at.name) / RESULT).get("steps", 0)
        at = runs.find(at.about.get("starts_from") or "") or at
    an_epoch = steps_of_pass(images, batch)
    passes = max(config.get("num_epochs", 0), math.ceil(config.get("least_steps", 0) / an_epoch))
    return Pretrained(run.name, steps / an_epoch, passes if run.command else 0)
