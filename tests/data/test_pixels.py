"""The pixels of a dataset: its pictures, at a size and in a range that come from them, and no others."""

import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from barlowmatch.configs.presets import PRESETS
from barlowmatch.configs.shared import ImageOptions
from barlowmatch.data.images import read_image
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import choose_fit, choose_size, load_pixels
from barlowmatch.data.squares import to_square
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said
from tests.data.loading import load, write_pictures
from tests.pictures import deep, photo, write_zoo


def test_rows_are_the_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 30)
    pixels = load(tmp_path / "data", tmp_path / "cache")
    assert pixels.array.shape == (30, 3, 16, 16)
    assert (pixels.size, pixels.fit, pixels.sixteen_bit_range) == (16, "squash", None)
    for number in range(30):
        expected = np.asarray(Image.open(tmp_path / "data" / f"{number}.png"))
        assert np.array_equal(pixels.array[number].transpose(1, 2, 0), expected)


def test_an_index_that_does_not_fit_on_the_disk_is_an_error_of_one_line(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 30)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))  # as a full disk, the system refuses to write more
    try:
        with pytest.raises(InputError, match=r"index/\w+\S*: cannot be written \(File too large\)"):
            load(tmp_path / "data", tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_every_kind_is_decoded_as_alone_and_every_bad_file_is_named(tmp_path: Path) -> None:
    zoo = write_zoo(tmp_path / "data", 300)
    heard: list[Event] = []
    pixels = load(tmp_path / "data", tmp_path / "cache", heard, image_size=24)
    dataset = read_dataset(ImageOptions(dataset_folder=tmp_path / "data"))
    assert {dataset.files[row] for row in pixels.reasons} == {file for file, fault in zoo.items() if fault}
    assert np.array_equal(np.flatnonzero(~pixels.readable), list(pixels.reasons))
    assert pixels.fit == "pad"
    for row in np.flatnonzero(pixels.readable).tolist():
        image = read_image(dataset.path(row), sixteen_bit_range=pixels.sixteen_bit_range, at_least=24)
        assert np.array_equal(pixels.array[row], to_square(image, 24, "pad"))
    warning = next(event.message for event in heard if isinstance(event, Said) and event.level == "warning")
    assert warning.startswith("30 of 300 images cannot be read")
    with pytest.raises(InputError, match="leave out --strict"):
        load(tmp_path / "data", tmp_path / "cache", image_size=24, strict=True)


def test_of_many_bad_files_the_first_are_named_and_once_where_the_others_are(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 5)
    for number in range(203):
        (tmp_path / "data" / f"bad {number:03}.png").write_text("no picture")
    heard: list[Event] = []
    load(tmp_path / "data", tmp_path / "cache", heard)
    (warning,) = (event.message for event in heard if isinstance(event, Said) and event.level == "warning")
    lines = warning.split("\n")
    assert [line.split(":")[0].strip() for line in lines[1:201]] == [f"bad {number:03}.png" for number in range(200)]
    assert lines[201:] == ["  and 3 more, which `inspect` names"]
    assert "inspect" not in "".join(lines[:201])


def test_16_bit_pictures_share_one_range_that_new_files_hardly_move(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for number in range(60):
        dimmed = deep(generator) // np.uint16(1 + number % 4)
        Image.fromarray(dimmed).save(tmp_path / "data" / f"{number}.png")
    pixels = load(tmp_path / "data", tmp_path / "cache", image_size=32, fit="squash")
    assert pixels.sixteen_bit_range is not None
    low, high = pixels.sixteen_bit_range
    assert 0 <= low < 300
    assert 3700 < high < 4200
    bright, dim = (pixels.array[n::4].mean() for n in (0, 3))
    assert bright > 2.5 * dim
    photo(generator).save(tmp_path / "data" / "a photo.jpg")
    Image.fromarray(deep(generator)).save(tmp_path / "data" / "another.png")
    again = load(tmp_path / "data", tmp_path / "cache", image_size=32, fit="squash")
    assert again.sixteen_bit_range == pixels.sixteen_bit_range
    other = load_pixels(
        read_dataset(wanted := ImageOptions(dataset_folder=tmp_path / "data", cache_folder=tmp_path / "cache")),
        wanted, size=32, fit="squash", sixteen_bit_range=(0, 65535),
    )  # fmt: skip
    assert other.array[1:].mean() < again.array[1:].mean() / 4


def test_content_that_differs_from_the_manifest_is_left_out(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    (tmp_path / "M.csv").write_text(f"file,sha256\n0.png,\n1.png,{'ab' * 32}\n2.png,\n3.png,\n")
    options = ImageOptions(manifest=tmp_path / "M.csv", cache_folder=tmp_path.parent / "cache-of-manifest")
    pixels = load_pixels(read_dataset(options), options)
    assert pixels.reasons == {
        1: "changed since the manifest was written",
        3: "cannot be read (No such file or directory)",
    }
    (tmp_path / "M.csv").write_text("file\n0.png\n1.png\n2.png\n3.png\n")
    assert set(load_pixels(read_dataset(options), options).reasons) == {3}, "what one manifest says binds no other"


@pytest.mark.parametrize(
    ("sides", "size", "fit"),
    [
        ([(28, 28)] * 5, 28, "squash"),
        ([(8, 8)] * 5, 16, "squash"),
        ([(28, 20)] * 5, 28, "squash"),
        ([(224, 224)] * 5, 224, "squash"),
        ([(300, 300)] * 5, 224, "squash"),
        ([(640, 480)] * 4 + [(480, 640)], 224, "pad"),
        ([(100, 100), (100, 120), (120, 100)], 96, "pad"),
        ([(20, 30), (30, 20), (25, 25)], 32, "pad"),
    ],
)
def test_size_and_fit_come_from_the_pictures(sides: list[tuple[int, int]], size: int, fit: str, tmp_path: Path) -> None:
    for number, side in enumerate(sides):
        Image.new("RGB", side).save(tmp_path / f"{number}.png")
    dataset = read_dataset(ImageOptions(dataset_folder=tmp_path))
    assert (choose_size(dataset), choose_fit(dataset)) == (size, fit)


@pytest.mark.parametrize(
    ("sides", "largest", "size"),
    [
        ([(96, 96)] * 3, 96, 96),
        ([(128, 128)] * 3, 96, 96),
        ([(640, 480)] * 3, 100, 100),
        ([(640, 480)] * 3, 224, 224),
        ([(80, 90), (90, 80)], 96, 64),
        ([(20, 30), (30, 20)], 16, 16),
    ],
)
def test_no_larger_size_is_chosen_than_is_wished(
    sides: list[tuple[int, int]], largest: int, size: int, tmp_path: Path
) -> None:
    for number, side in enumerate(sides):
        Image.new("RGB", side).save(tmp_path / f"{number}.png")
    dataset = read_dataset(ImageOptions(dataset_folder=tmp_path))
    assert choose_size(dataset, largest) == size


def test_presets_for_a_cpu_take_large_pictures_smaller_but_not_for_weights_made_elsewhere(tmp_path: Path) -> None:
    Image.new("RGB", (640, 480)).save(tmp_path / "a.png")
    Image.new("RGB", (480, 640)).save(tmp_path / "b.png")
    for stage, presets in PRESETS.items():
        for name, expected in {"quick": 96, "laptop": 128, "small-images": 224, "paper": 224}.items():
            config = replace(presets[name](), dataset_folder=tmp_path, cache_folder=tmp_path.with_name("cache"))
            assert load_pixels(read_dataset(config), config).size == expected, (stage, name)
            config = replace(config, weights=tmp_path / "w.safetensors")
            assert load_pixels(read_dataset(config), config).size == 224, (stage, name)


def test_a_cache_inside_the_dataset_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path, 2)
    with pytest.raises(InputError, match="the cache would lie inside the dataset"):
        load(tmp_path, tmp_path / "cache")


def test_no_readable_image_at_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match="none of its"):
        load(tmp_path / "data", tmp_path / "cache")
