"""The next round of a request of which a part was answered."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.events import Event, Said
from barlowmatch.stages.create_dataset import run
from tests.stages.small_datasets import LAYOUTS, config, digest, truth, write_csv


@pytest.mark.parametrize("layout", LAYOUTS)
def test_of_a_request_that_is_answered_in_part_the_rest_stays_in_the_pool(
    layout: Callable[[Path], DatasetOptions], tmp_path: Path
) -> None:
    source = layout(tmp_path / "dataset")
    dataset = read_dataset(source)
    asked = dataset.unlabeled[:10].tolist()
    request = write_csv(tmp_path / "r.csv", ("file",), [(dataset.files[row],) for row in asked])
    answers = [(dataset.files[row], "1") for row in asked[:8]] + [(dataset.files[asked[8]], "")]
    labels = write_csv(tmp_path / "l.csv", ("file", "label"), answers)
    heard: list[Event] = []
    wish = config(source, request=request, labels=labels, out_path=tmp_path / "new", val_share=0)
    result = run(wish, heard.append)
    assert (result["added"], result["unanswered"]) == (8, 2)
    (note,) = [event.message for event in heard if isinstance(event, Said) and "have no label" in event.message]
    assert note.startswith(f"{labels}: 2 of 10 requested images have no label and stay in the pool, the first ")
    assert dataset.files[asked[8]] in note
    told = DatasetOptions(dataset_folder=tmp_path / "new", val_share=0)
    answered = {digest(dataset, row): ("train", "1") for row in asked[:8]}
    assert truth(read_dataset(told)) == {**truth(read_dataset(replace(source, val_share=0))), **answered}
