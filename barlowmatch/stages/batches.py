"""How many images a step of training takes."""

from barlowmatch.configs.training import ClassifyConfig, FixMatchConfig, PretrainConfig
from barlowmatch.errors import InputError
from barlowmatch.machine import distributed


def batch_size(config: PretrainConfig | ClassifyConfig, available: int) -> int:
    """Return the batch size: the one asked for, else the stage's usual one or all images where they are fewer.

    Raises:
        InputError: fewer than two images, or fewer than the batch that was asked for, or than the processes.
    """
    if available < 2:
        raise InputError(f"the dataset has {available} images to learn from; at least 2 are needed")
    asked = config.batch_size
    if asked is not None and asked > available:
        raise InputError(
            f"a batch of {asked}: {available} images are there to learn from; give --batch-size {available} or less"
        )
    return _for_all_processes(asked or min(config.usual_batch, available))


def labeled_batch_size(config: FixMatchConfig) -> int:
    """Return how many labeled images a batch of FixMatch has, which takes its few ones again and again.

    However few there are: `mu` times as many unlabeled ones come with them, fewer would be another recipe.

    Raises:
        InputError: they are fewer than the processes.
    """
    return _for_all_processes(config.batch_size or config.usual_batch)


def _for_all_processes(size: int) -> int:
    if size < distributed.world_size():
        raise InputError(f"--batch-size {size}: fewer than the {distributed.world_size()} processes")
    return size
