"""Labels that the hold-out takes from training are not taken in silence."""

from pathlib import Path

import numpy as np
import pytest

from barlowmatch.data.classes import ImageClass
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.splits import draw, hold_out
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said
from barlowmatch.stages.classification import check_labels

SHARE = 0.2
HELD, KEPT = ([f"{n}.png" for n in range(200) if (draw(f"{n}.png") < SHARE) == held] for held in (True, False))


def labeled(**files: list[str]) -> Dataset:
    """Return a dataset of the files of each class, after the hold-out."""
    labels = np.array([place for place, names in enumerate(files.values()) for _ in names], np.int64)
    classes = tuple(ImageClass(place, name) for place, name in enumerate(files))
    names = tuple(name for names in files.values() for name in names)
    return hold_out(Dataset(Path("data"), "flat", classes, names, np.full(len(labels), "train"), labels), SHARE)


def test_classes_with_validation_labels_only_are_named() -> None:
    events: list[Event] = []
    check_labels(labeled(cat=KEPT[:3], dog=KEPT[3:6], cow=HELD[:2]), events.append)
    (said,) = (event for event in events if isinstance(event, Said))
    assert said.level == "warning"
    assert said.message.startswith("all labels of cow are in validation")
    check_labels(labeled(cat=KEPT[:3], dog=[KEPT[3], HELD[0]]), events.append)
    assert len(events) == 1


def test_of_many_classes_with_validation_labels_only_it_says_how_many() -> None:
    events: list[Event] = []
    lost = {f"cow {number}": [HELD[number]] for number in range(13)}
    check_labels(labeled(cat=KEPT[:3], dog=KEPT[3:6], **lost), events.append)
    (said,) = (event.message for event in events if isinstance(event, Said))
    assert said.startswith("all labels of cow 0, cow 1, ")
    assert "cow 9 and 3 more are in validation" in said


def test_where_the_hold_out_leaves_one_class_it_is_to_blame() -> None:
    events: list[Event] = []
    with pytest.raises(InputError, match=r"of 1 class \(cat\).*--val-share \(all labels of dog are in validation\)"):
        check_labels(labeled(cat=KEPT[:3], dog=HELD[:1]), events.append)
    with pytest.raises(InputError) as error:
        check_labels(labeled(cat=KEPT[:3]), events.append)
    assert "--val-share" not in str(error.value)
    assert events == []
