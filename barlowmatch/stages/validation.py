"""Whether the images that judge a network are none that it learned from."""

from pathlib import Path

from barlowmatch.checkpoints import Checkpoint
from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.dataset import Dataset
from barlowmatch.errors import InputError


def refuse_val_learned_from(
    checkpoint: Checkpoint, path: Path | None, dataset: Dataset, options: DatasetOptions
) -> None:
    """Refuse to judge a network by held out images that were none when it was trained.

    A split val that lies in the dataset is the same for all. One that is drawn on reading depends on the flags: of the
    same groups a smaller share holds out a part of what a larger one does, and any other draw takes other images.

    Args:
        checkpoint: of the network.
        path: its file, for messages.
        dataset: as the options read it.
        options: the flags of today.

    Raises:
        InputError: the checkpoint was trained with another `--group-by` or a smaller `--val-share`.
    """
    if not dataset.held_out:
        return
    then = checkpoint["config"]
    share = then.get("val_share", options.val_share)
    smaller = not isinstance(share, (int, float)) or share < options.val_share
    for flag, before, now, differs in (
        ("--group-by", then.get("group_by"), options.group_by, then.get("group_by") != options.group_by),
        ("--val-share", share, options.val_share, smaller),
    ):
        if differs:
            raise InputError(
                f"{flag} {now}: {path} was trained with {before}, so it may have learned from images that are held out "
                f"now; {f'leave {flag} out' if before is None else f'give {flag} {before}'}"
            )
