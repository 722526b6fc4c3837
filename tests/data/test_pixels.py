"""Every image decoded once, whichever process dies when."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from barlowmatch.configs.shared import ImageOptions
from barlowmatch.data.images import read_image
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import Pixels, choose_fit, choose_size, load_pixels
from barlowmatch.data.squares import to_square
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Progress, Said
from tests.pictures import deep, photo, write_zoo

LOAD = """
import json, sys
from pathlib import Path
from barlowmatch.configs.shared import ImageOptions
from barlowmatch.data import cache
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import load_pixels
from barlowmatch.errors import InputError
from barlowmatch.events import Progress
cache._SAFE_EVERY_SECONDS = 0.02
options = ImageOptions(dataset_folder=Path(sys.argv[1]), cache_folder=Path(sys.argv[2]), workers=1)
dones = []
print("ready", flush=True)
def hear(event):
    if isinstance(event, Progress) and event.work == "decode images":
        dones.append(event.done)
try:
    load_pixels(read_dataset(options), options, hear)
    print(json.dumps(dones))
except InputError as error:
    print(json.dumps(str(error)))
"""


def write_pictures(folder: Path, count: int, seed: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), np.uint8)
    for number in range(count):
        Image.fromarray(noise[number]).save(folder / f"{number}.png")


def load(folder: Path, cache: Path, heard: list[Event] | None = None, **options: object) -> Pixels:
    wanted = ImageOptions(dataset_folder=folder, cache_folder=cache, **options)
    emit = (lambda event: None) if heard is None else heard.append
    return load_pixels(read_dataset(wanted), wanted, emit)


def works(heard: list[Event]) -> set[str]:
    return {event.work for event in heard if isinstance(event, Progress)}


def start(folder: Path, cache: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, str(folder), str(cache)], stdout=subprocess.PIPE, text=True, env=environment
    )


def ended(process: "subprocess.Popen[str]") -> object:
    out, _ = process.communicate(timeout=60)
    return json.loads(out.splitlines()[-1])


def test_rows_are_the_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 30)
    pixels = load(tmp_path / "data", tmp_path / "cache")
    assert pixels.array.shape == (30, 3, 16, 16)
    assert (pixels.size, pixels.fit, pixels.sixteen_bit_range) == (16, "squash", None)
    for number in range(30):
        expected = np.asarray(Image.open(tmp_path / "data" / f"{number}.png"))
        assert np.array_equal(pixels.array[number].transpose(1, 2, 0), expected)


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


def test_a_second_start_reads_no_file(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 30)
    first: list[Event] = []
    second: list[Event] = []
    one, two = (load(tmp_path / "data", tmp_path / "cache", heard) for heard in (first, second))
    assert works(first) == {"read files", "decode images"}
    assert works(second) == set()
    assert np.array_equal(one.array, two.array)
    assert one.sha256 == two.sha256


def test_a_file_changed_behind_the_clock_is_noticed(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 5)
    load(tmp_path / "data", tmp_path / "cache")
    path = tmp_path / "data" / "3.png"
    before = path.stat()
    content = bytearray(path.read_bytes())
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(path)
    content[: path.stat().st_size] = path.read_bytes()  # the rest of the old file follows the new picture's end
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert not load(tmp_path / "data", tmp_path / "cache").array[3].any()


def test_the_next_rounds_order_is_copied_not_decoded(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 40)
    old = load(tmp_path / "data", tmp_path / "cache")
    for number in range(40):
        target = tmp_path / "next" / f"{(number * 7) % 40}.png"
        target.parent.mkdir(exist_ok=True)
        os.link(tmp_path / "data" / f"{number}.png", target)
    heard: list[Event] = []
    new = load(tmp_path / "next", tmp_path / "cache", heard)
    assert "decode images" not in works(heard)
    order = [(row * 7) % 40 for row in range(40)]
    assert np.array_equal(new.array[order], old.array)


def test_a_damaged_entry_is_built_again(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 10)
    whole = load(tmp_path / "data", tmp_path / "cache").array.copy()
    (entry,) = (tmp_path / "cache" / "pixels").iterdir()
    os.truncate(entry / "pixels.npy", 1000)
    assert np.array_equal(load(tmp_path / "data", tmp_path / "cache").array, whole)
    (entry / "meta.json").unlink()
    assert np.array_equal(load(tmp_path / "data", tmp_path / "cache").array, whole)


def test_another_size_or_fit_is_another_entry(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 4)
    for options in ({}, {"image_size": 20}, {"fit": "crop"}):
        load(tmp_path / "data", tmp_path / "cache", **options)
    assert len(list((tmp_path / "cache" / "pixels").iterdir())) == 3


def test_killed_at_any_moment_it_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 2500)
    reference = load(tmp_path / "data", tmp_path / "reference").array
    moments = random.Random(0)
    begun = 0
    for _ in range(5):
        process = start(tmp_path / "data", tmp_path / "cache")
        while process.poll() is None and not any((tmp_path / "cache").glob("pixels/.partial-*")):
            pass
        time.sleep(moments.uniform(0, 0.05))  # the moment of the kill is what varies; nothing is waited for
        process.kill()
        process.communicate()
        for entry in (tmp_path / "cache" / "pixels").glob("*"):
            begun += entry.name.startswith(".partial")
            if not entry.name.startswith(".partial"):
                assert np.array_equal(np.load(entry / "pixels.npy"), reference)
    assert begun, "no kill came while it was building"
    ended(start(tmp_path / "data", tmp_path / "cache"))
    assert np.array_equal(load(tmp_path / "data", tmp_path / "cache").array, reference)


def test_what_was_done_before_a_kill_is_not_done_again(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 2500)
    process = start(tmp_path / "data", tmp_path / "cache")
    deadline = time.monotonic() + 30
    while not any(np.fromfile(path, np.uint8).any() for path in tmp_path.glob("cache/pixels/.partial-*/state")):
        assert time.monotonic() < deadline
    process.kill()
    process.communicate()
    heard: list[Event] = []
    load(tmp_path / "data", tmp_path / "cache", heard)
    (rate,) = {event.total for event in heard if isinstance(event, Progress) and event.work == "decode images"}
    first = min(event.done for event in heard if isinstance(event, Progress) and event.work == "decode images")
    assert rate == 2500
    assert first > 0
    assert "read files" not in works(heard)


def test_two_processes_at_once_decode_once(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 1500)
    both = [ended(process) for process in [start(tmp_path / "data", tmp_path / "cache") for _ in range(2)]]
    assert sorted(bool(dones) for dones in both) == [False, True]
    assert len(list((tmp_path / "cache" / "pixels").iterdir())) == 1


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


def test_a_cache_inside_the_dataset_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path, 2)
    with pytest.raises(InputError, match="the cache would lie inside the dataset"):
        load(tmp_path, tmp_path / "cache")


def test_no_readable_image_at_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match="none of its"):
        load(tmp_path / "data", tmp_path / "cache")


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare to mount a small file system")
@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ("mount -t tmpfs -o size=70m none {cache}", "need 0.1 GB and 0.1 GB are free; free some space"),
        ("mount --bind -o ro {cache} {cache} && mount -o remount,bind,ro {cache}", "cannot be written (Read-only"),
    ],
)
def test_a_full_disk_and_a_read_only_folder_are_named(mount: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(40):
        Image.new("RGB", (700, 700), (number, 0, 0)).save(tmp_path / "data" / f"{number}.bmp")
    cache = tmp_path / "cache"
    cache.mkdir()
    program = LOAD.replace("workers=1", "workers=1, image_size=700, cache='raw'")
    command = f'{mount.format(cache=cache)} && exec {sys.executable} -c "$PROGRAM" {tmp_path / "data"} {cache}'
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PROGRAM": program}
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    if "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert message in json.loads(done.stdout.splitlines()[-1]), done.stderr
