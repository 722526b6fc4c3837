"""How far pretraining has come, over all runs that went on from each other."""

from barlowmatch.configs.training import PretrainConfig
from labeling.processes import read_json
from labeling.rounds.planning import Pretrained
from labeling.runs.estimating import steps_of_pass
from labeling.runs.state import Run
from labeling.runs.supervising import Runs


def find_pretrained(runs: Runs, run: Run, images: int) -> Pretrained:
    """Return how far a finished run of pretraining, and those it went on from, have come.

    Args:
        runs: of the project.
        run: the run.
        images: how many there are to learn from now.
    """
    config = read_json(runs.folder(run.name) / "config.json").get("config", {})
    batch = config.get("batch_size") or PretrainConfig.usual_batch
    steps, seen, at = 0, set[str](), run
    while at.name not in seen:
        seen.add(at.name)
        steps += read_json(runs.folder(at.name) / "result.json").get("steps", 0)
        at = runs.find(at.about.get("starts_from") or "") or at
    return Pretrained(run.name, steps / steps_of_pass(images, batch), config.get("num_epochs", 0))
