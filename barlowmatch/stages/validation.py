"""Whether the images that judge a network are none that it learned from."""

import math
from pathlib import Path

from barlowmatch.checkpoints import Checkpoint
from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.shares import share_held_out
from barlowmatch.data.splits import first_draw
from barlowmatch.errors import InputError


def refuse_val_learned_from(
    checkpoint: Checkpoint, path: Path | None, dataset: Dataset, options: DatasetOptions
) -> None:
    """Refuse to judge a network by held out images that were none when it was trained.

    A split val that lies in the dataset is the same for all, but for a network of the round before it was made: then
    `create-dataset` drew the first of it. One that is drawn on reading depends on the flags: of the same groups a
    smaller share holds out a part of what a larger one does, and any other draw takes other images. What learned from
    labels alone that were too few for `create-dataset` to hold any out has seen none of what it held out later.

    Args:
        checkpoint: of the network.
        path: its file, for messages.
        dataset: as the options read it.
        options: the flags of today.

    Raises:
        InputError: the checkpoint was trained with another `--group-by` or a smaller `--val-share`.
    """
    if dataset.held_out:
        _compare(checkpoint, path, share_held_out(dataset, options.val_share), options.group_by, None)
    elif checkpoint.get("val_was_drawn") and "classifier" in checkpoint:
        first = first_draw(dataset)
        if first is not None and checkpoint.get("labeled", math.inf) > first["spared"]:
            _compare(checkpoint, path, first["val_share"], first["group_by"], dataset.root)


def _compare(checkpoint: Checkpoint, path: Path | None, share: float, group_by: str | None, made: Path | None) -> None:
    """Refuse what was drawn otherwise for the checkpoint; `made` is the folder whose val create-dataset drew."""
    then = checkpoint["config"]
    before = then.get("val_share", share)
    smaller = not isinstance(before, (int, float)) or before < share
    for flag, old, now, differs in (
        ("--group-by", then.get("group_by"), group_by, then.get("group_by") != group_by),
        ("--val-share", before, share, smaller),
    ):
        if differs:
            way = f"leave {flag} out" if old is None else f"give {flag} {old}"
            where = ""
            if made is not None:
                where, way = f" of create-dataset for {made}", f"train one on this dataset, or make it anew and {way}"
            raise InputError(
                f"{flag} {now}{where}: {path} was trained with {old}, so it may have learned from images that are held "
                f"out now; {way}"
            )
