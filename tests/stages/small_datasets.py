"""Small datasets in each layout that people have, thirty pictures and more, and what is true of them."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from barlowmatch.configs.create_dataset import CreateDatasetConfig
from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.dataset import Dataset

Truth = dict[str, tuple[str, str | None]]


def pictures(folder: Path, *names: str) -> None:
    """Write a picture of its own for each name."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.frombuffer(hashlib.sha256(name.encode()).digest() * 2, np.uint8)
        Image.fromarray(noise.reshape(8, 8)).save(path, "PNG")


def digest(dataset: Dataset, row: int) -> str:
    return hashlib.sha256(dataset.path(row).read_bytes()).hexdigest()


def truth(dataset: Dataset) -> Truth:
    """Return split and class name by content, whatever the files are called."""
    names = (*dataset.class_names, None)
    facts = zip(dataset.splits.tolist(), dataset.labels.tolist(), strict=True)
    return {digest(dataset, row): (split, names[label]) for row, (split, label) in enumerate(facts)}


def write_csv(path: Path, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def seed_layout(folder: Path) -> DatasetOptions:
    for split, count in (("train", 12), ("val", 5), ("unlabeled", 30)):
        pictures(folder, *(f"{split}/{number}.png" for number in range(count)))
        if split != "unlabeled":
            torch.save(torch.arange(count) % 4, folder / f"{split}_label_tensor.pt")
    return DatasetOptions(dataset_folder=folder)


def seed_layout_with_gaps(folder: Path) -> DatasetOptions:
    seed_layout(folder)
    torch.save(torch.tensor([0, -1, 1, 2, 3, -1, 0, 1, 2, 3, -1, 0]), folder / "train_label_tensor.pt")
    return DatasetOptions(dataset_folder=folder)


def class_folders(folder: Path) -> DatasetOptions:
    pictures(folder, *(f"train/{name}/{n}.png" for name in ("0", "1", "2", "3") for n in range(4)))
    pictures(
        folder,
        *(f"val/{name}/{n}.png" for name in ("0", "1", "2", "3") for n in range(2)),
        "test/3/a.png",
        "val/loose.png",
    )
    pictures(folder, *(f"unlabeled/{n}.png" for n in range(20)), *(f"unlabeled/plate/{n}.png" for n in range(10)))
    return DatasetOptions(dataset_folder=folder)


def class_folders_without_val(folder: Path) -> DatasetOptions:
    pictures(folder, *(f"train/{name}/{n}.png" for name in ("0", "1", "2", "3") for n in range(12)))
    pictures(folder, *(f"unlabeled/{n}.png" for n in range(30)), *(f"train/{n}.png" for n in range(3)))
    return DatasetOptions(dataset_folder=folder)


def table(folder: Path) -> DatasetOptions:
    pictures(folder, *(f"sub {n % 3}/{n}.png" for n in range(50)))
    rows = [(f"sub {n % 3}/{n}.png", str(n % 4), "val" if n < 8 else "", f"p{n}") for n in range(20)]
    write_csv(folder / "labels.csv", ("file_name", "label", "split", "plate"), rows)
    return DatasetOptions(dataset_folder=folder)


def manifest(folder: Path) -> DatasetOptions:
    table(folder)
    (folder / "labels.csv").rename(folder / "M.csv")
    with (folder / "M.csv").open("a", newline="") as file:
        csv.writer(file).writerows((f"sub {n % 3}/{n}.png", "", "", "") for n in range(20, 50))
    return DatasetOptions(manifest=folder / "M.csv")


def flat(folder: Path) -> DatasetOptions:
    pictures(folder, *(f"sub {n % 3}/{n}.png" for n in range(30)), "top.png")
    return DatasetOptions(dataset_folder=folder)


LAYOUTS = [
    seed_layout, seed_layout_with_gaps, class_folders, class_folders_without_val, table, manifest, flat,
]  # fmt: skip


def config(source: DatasetOptions, **options: object) -> CreateDatasetConfig:
    """Return what `create-dataset` is to do with a dataset."""
    same = {"dataset_folder": source.dataset_folder, "manifest": source.manifest, "val_share": source.val_share}
    return CreateDatasetConfig(**{**same, **options})
