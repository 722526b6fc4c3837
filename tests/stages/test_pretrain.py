"""What pretraining shares with the stages after it: how many images a batch has."""

import pytest

from barlowmatch.cli import parse_config
from barlowmatch.stages.pretrain import batch_size


@pytest.mark.parametrize(("stage", "usual"), [("pretrain", 256), ("train-classifier", 64)])
@pytest.mark.parametrize("preset", ["small-images", "laptop", "quick"])
def test_a_recipe_makes_do_with_fewer_images_than_its_usual_batch(stage: str, usual: int, preset: str) -> None:
    config = parse_config(stage, ["--preset", preset])
    assert [batch_size(config, available) for available in (40, usual, 10_000)] == [40, usual, usual]
