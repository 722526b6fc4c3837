"""Caches for datasets that do not fit the disk: the same rows, and the promised closeness, resumable, room checked."""

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from barlowmatch.configs.shared import Cache, ImageOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.locks import locked
from barlowmatch.data.pixels import Pixels, load_pixels
from barlowmatch.data.store import ImageStore
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Progress, Said
from tests.data.photos import photos

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(12):
        piece = photos(12, 64)[number].permute(1, 2, 0).numpy()
        Image.fromarray(piece).save(data / f"{number:02d}.png")
    (data / "05.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    return data


def load(data: Path, cache: Path, kind: Cache, events: list[Event] | None = None) -> Pixels:
    options = ImageOptions(dataset_folder=data, cache_folder=cache, cache=kind, image_size=48, workers=2)
    return load_pixels(read_dataset(options), options, (events if events is not None else []).append)


@pytest.mark.parametrize(("kind", "mean", "worst"), [("jpeg", 2.5, 40), ("none", 0.0, 0)])
def test_small_caches_hold_the_same_rows(folder: Path, tmp_path: Path, kind: Cache, mean: float, worst: int) -> None:
    raw, small = load(folder, tmp_path / "raw", "raw"), load(folder, tmp_path / "small", kind)
    assert raw.reasons == small.reasons
    assert set(raw.reasons) == {5}
    rows = np.flatnonzero(raw.readable)[::-1].copy()
    difference = np.abs(raw.array[rows].astype(int) - small.array[rows])
    assert difference.mean() <= mean
    assert difference.max() <= worst
    batch = ImageStore(small.array, torch.device("cpu")).take(torch.from_numpy(rows))
    assert batch.dtype == torch.uint8
    assert np.array_equal(batch.numpy(), small.array[rows])
    assert not (tmp_path / "small" / "pixels").exists()


def test_a_file_that_went_away_meanwhile_is_named(folder: Path, tmp_path: Path) -> None:
    pixels = load(folder, tmp_path / "cache", "none")
    (folder / "03.png").unlink()
    with pytest.raises(InputError, match=r"03\.png: cannot be read \(No such file.*; put it back, or .*--cache jpeg"):
        pixels.array[np.array([2, 3])]


def test_a_second_start_builds_nothing(folder: Path, tmp_path: Path) -> None:
    load(folder, tmp_path / "cache", "jpeg")
    blob = next((tmp_path / "cache" / "jpeg").glob("*/images.bin"))
    before = blob.stat()
    load(folder, tmp_path / "cache", "jpeg")
    assert (blob.stat().st_mtime_ns, blob.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_killed_build_goes_on_from_its_journal(folder: Path, tmp_path: Path) -> None:
    whole = load(folder, tmp_path / "cache", "jpeg")
    rows = np.flatnonzero(whole.readable)
    expected = whole.array[rows]
    entry = next((tmp_path / "cache" / "jpeg").iterdir())
    places = np.load(entry / "places.npy")
    # As after a kill: four rows vouched for, a record cut short, and bytes nobody vouches for.
    first = [int(row) for row in np.argsort(places[:, 0]) if places[row, 1]][:4]
    partial = entry.with_name(f".partial-{entry.name}")
    partial.mkdir()
    records = np.array([[row, *places[row]] for row in first], "<i8").tobytes()
    (partial / "journal").write_bytes(records + b"\1\2\3")
    (partial / "images.bin").write_bytes((entry / "images.bin").read_bytes()[: int(places[first].sum(1).max()) + 7])
    shutil.rmtree(entry)
    again = load(folder, tmp_path / "cache", "jpeg")
    assert np.array_equal(again.array[rows], expected)
    assert np.array_equal(np.load(entry / "places.npy")[first], places[first])


def test_the_next_rounds_order_is_copied_not_compressed(folder: Path, tmp_path: Path) -> None:
    (folder / "05.png").unlink()
    before = load(folder, tmp_path / "cache", "jpeg")
    (folder / "00.png").rename(folder / "99.png")
    events: list[Event] = []
    after = load(folder, tmp_path / "cache", "jpeg", events)
    assert np.array_equal(after.array[np.array([10, 0])], before.array[np.array([0, 1])])
    assert not [event for event in events if isinstance(event, Progress) and event.work == "compress images"]


@pytest.mark.parametrize(("free", "kind"), [(10**12, "pixels"), (64 * 2**20 + 60_000, "jpeg"), (1000, "none")])
def test_auto_takes_what_the_disk_has_room_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kind: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 0, free))
    events: list[Event] = []
    pixels = load(folder, tmp_path / "cache", "auto", events)
    assert (tmp_path / "cache" / kind).is_dir()
    assert pixels.readable.sum() == 11
    told = [event.message for event in events if isinstance(event, Said) and f"--cache {kind}" in event.message]
    assert bool(told) == (kind != "pixels")


@pytest.mark.parametrize("begun", [".partial-", ""])
def test_what_was_made_or_begun_gives_its_room_unless_somebody_holds_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    """As if the machine went down, and then an image was added: nobody will ask for that entry again."""
    left, busy = (tmp_path / "cache" / "pixels" / f"{begun}{key}" for key in ("4567", "0123"))
    for place in (left, busy):
        place.mkdir(parents=True)
        (place / "pixels.npy").write_bytes(bytes(10**6))
    (left / "meta.json").write_text("{}")  # so that it was used later than the other, which would go first
    needed = 64 * 2**20 + 12 * 3 * 48**2
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, needed - 10**6 * left.exists()))

    with locked(tmp_path / "cache", "0123"):
        load(folder, tmp_path / "cache", "raw")

    assert not left.exists()
    assert busy.exists()


def test_a_kind_without_room_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 0, 1000))
    with pytest.raises(InputError, match="--cache jpeg"):
        load(folder, tmp_path / "cache", "raw")
    with pytest.raises(InputError, match="--cache none"):
        load(folder, tmp_path / "cache", "jpeg")
