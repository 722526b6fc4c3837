"""Of newly labeled images as many are held out as of the first ones, and no image changes sides."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.dataset import HELD_OUT_FILE
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.splits import draw
from barlowmatch.errors import InputError
from barlowmatch.stages.create_dataset import run
from tests.stages.small_datasets import config, pictures, truth, write_csv


def answered(source: DatasetOptions, home: Path, rows: list[int], **options: Any) -> dict[str, Any]:
    """Write the next dataset of `source` with some rows of its pool labeled, in two classes."""
    dataset = read_dataset(source)
    lines = [(dataset.files[row], str(place % 2)) for place, row in enumerate(rows)]
    request = write_csv(home / "r.csv", ("file",), [line[:1] for line in lines])
    labels = write_csv(home / "l.csv", ("file", "label"), list(lines))
    return run(config(source, request=request, labels=labels, new_classes=True, **options))


def test_val_grows_with_the_labels_and_no_image_changes_sides(tmp_path: Path) -> None:
    pictures(tmp_path / "dataset", *(f"train/{n}.png" for n in range(10)), *(f"unlabeled/{n}.png" for n in range(400)))
    torch.save(torch.arange(10) % 2, tmp_path / "dataset" / "train_label_tensor.pt")
    source = DatasetOptions(dataset_folder=tmp_path / "dataset")
    sides: dict[str, str] = {}
    for labels in (10, 100, 190, 280):
        dataset = read_dataset(source)
        assert len(dataset.train) + len(dataset.val) == labels
        now = {key: split for key, (split, _) in truth(dataset).items() if split != "unlabeled"}
        assert sides.items() <= now.items()
        sides = now
        source = DatasetOptions(
            dataset_folder=Path(answered(source, tmp_path, dataset.unlabeled[:90].tolist())["out_path"])
        )
    assert len(dataset.val) == pytest.approx(0.2 * 280, abs=3 * (0.16 * 280) ** 0.5)
    stopped = answered(source, tmp_path, read_dataset(source).unlabeled.tolist(), val_share=0)
    assert (stopped["held_out"], (Path(stopped["out_path"]) / "held-out.json").exists()) == (0, True)


def test_what_was_labeled_while_labels_were_few_is_learned_from_in_all_rounds(tmp_path: Path) -> None:
    pictures(tmp_path / "dataset", *(f"train/{n}.png" for n in range(10)), *(f"unlabeled/{n}.png" for n in range(300)))
    torch.save(torch.arange(10) % 2, tmp_path / "dataset" / "train_label_tensor.pt")
    source = DatasetOptions(dataset_folder=tmp_path / "dataset")
    for few in (10, 40):
        dataset = read_dataset(source)
        assert (len(dataset.train), len(dataset.val)) == (few, 0)
        rows = dataset.unlabeled[: 30 if few == 10 else 60].tolist()
        result = answered(source, tmp_path, rows)
        assert (Path(result["out_path"]) / HELD_OUT_FILE).exists() == (few == 40)
        assert result["held_out"] == (0 if few == 10 else sum(draw(dataset.files[row]) < 0.2 for row in rows))
        source = DatasetOptions(dataset_folder=Path(result["out_path"]))
        early, dataset = truth(dataset), read_dataset(source)
        now = truth(dataset)
        assert all(now[key] == (split, name) for key, (split, name) in early.items() if split == "train")
    note = json.loads((Path(result["out_path"]) / HELD_OUT_FILE).read_text())
    assert note["first"] == {"val_share": 0.2, "group_by": None, "spared": 40}
    assert result["held_out"] > 5
    later = answered(source, tmp_path, dataset.unlabeled[:5].tolist(), val_share=0.9)
    assert later["held_out"] > 0
    assert json.loads((Path(later["out_path"]) / HELD_OUT_FILE).read_text())["first"] == note["first"]


def test_groups_stay_whole_as_val_grows(tmp_path: Path) -> None:
    pictures(tmp_path / "dataset", *(f"p{n % 40}_{n}.png" for n in range(200)))
    by_plate: dict[str, Any] = {"group_by": r"(p\d+)_"}
    source = DatasetOptions(dataset_folder=tmp_path / "dataset", **by_plate)
    for share in (0.2, 0.5):
        rows = read_dataset(source).unlabeled[::3].tolist()
        source = DatasetOptions(
            dataset_folder=Path(answered(source, tmp_path, rows, val_share=share, **by_plate)["out_path"]), **by_plate
        )
        sides: dict[str, set[str]] = {}
        dataset = read_dataset(source)  # which refuses a group on two sides
        for group, split in zip(dataset.groups or (), dataset.splits.tolist(), strict=True):
            sides.setdefault(group, set()).add(split)
        assert sum(side == {"val"} for side in sides.values()) == sum(draw(group) < 0.2 for group in sides)
    with pytest.raises(InputError, match=r"--group-by None: .*held-out\.json names \(p.*, by which val was held out"):
        answered(source, tmp_path, dataset.unlabeled[:2].tolist())
