"""Every image decoded once, whichever process dies when."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from barlowmatch.configs.shared import Cache, ImageOptions
from barlowmatch.data.entries import Building, Content
from barlowmatch.data.jpeg_blob import Checked, JpegBlob
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixel_file import PixelFile
from barlowmatch.data.recipe import Recipe
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Progress
from tests.data.loading import load, works, write_pictures
from tests.waiting import until

LOAD = """
import json, sys
from pathlib import Path
from barlowmatch.configs.shared import ImageOptions
from barlowmatch.data import entries
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import load_pixels
from barlowmatch.errors import InputError
from barlowmatch.events import Progress
entries.SAFE_EVERY_SECONDS = 0.02
options = ImageOptions(dataset_folder=Path(sys.argv[1]), cache_folder=Path(sys.argv[2]), cache=sys.argv[3], workers=1)
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


def start(folder: Path, cache: Path, kind: str = "raw") -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", LOAD, str(folder), str(cache), kind]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def begun_or_ended(cache: Path, process: "subprocess.Popen[str]") -> bool:
    """Say whether a process builds an entry of a cache, or has ended."""
    return process.poll() is not None or any(cache.glob("*/.partial-*"))


def ended(process: "subprocess.Popen[str]") -> object:
    out, _ = process.communicate(timeout=60)
    return json.loads(out.splitlines()[-1])


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


@pytest.mark.parametrize("kind", ["raw", pytest.param("jpeg", marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_goes_on_and_ends_the_same(tmp_path: Path, kind: str) -> None:
    write_pictures(tmp_path / "data", 2500)
    rows = np.arange(2500)
    reference = load(tmp_path / "data", tmp_path / "reference", cache=kind).array[rows]
    moments = random.Random(0)
    begun = 0
    for _ in range(4):
        process = start(tmp_path / "data", tmp_path / "cache", kind)
        until(partial(begun_or_ended, tmp_path / "cache", process), pause=0.001)
        time.sleep(moments.uniform(0, 0.05))  # the moment of the kill is what varies; nothing is waited for
        process.kill()
        process.communicate()
        unfinished = any((tmp_path / "cache").glob("*/.partial-*"))
        begun += unfinished
        if not unfinished:
            assert np.array_equal(load(tmp_path / "data", tmp_path / "cache", cache=kind).array[rows], reference)
    assert begun, "no kill came while it was building"
    ended(start(tmp_path / "data", tmp_path / "cache", kind))
    assert np.array_equal(load(tmp_path / "data", tmp_path / "cache", cache=kind).array[rows], reference)


@pytest.mark.parametrize(("kind", "content"), [("raw", PixelFile), ("jpeg", JpegBlob), ("none", Checked)])
def test_what_stops_a_build_leaves_its_work_to_the_next(
    tmp_path: Path, kind: Cache, content: Callable[[Path, Recipe, int], Content]
) -> None:
    write_pictures(tmp_path / "data", 40)
    bad = read_dataset(ImageOptions(dataset_folder=tmp_path / "data")).files[20]
    (tmp_path / "data" / bad).write_bytes(b"no picture")
    options = {"cache": kind, "image_size": 16, "workers": 1}
    with pytest.raises(InputError, match=bad):
        load(tmp_path / "data", tmp_path / "cache", **options, strict=True)

    (unfinished,) = (tmp_path / "cache").glob("*/.partial-*")
    with (unfinished / "reasons.jsonl").open("a") as file:
        file.write('zeros of a crash\n[30, "cut sho')
    with Building(unfinished, content(unfinished, Recipe(16, "squash", None), 40)) as left:
        assert left.todo().tolist() == list(range(21, 40))
        left.leave_out(25, "said by the next")
    with Building(unfinished, content(unfinished, Recipe(16, "squash", None), 40)) as left:
        assert left.todo().tolist() == [row for row in range(21, 40) if row != 25]

    heard: list[Event] = []
    with pytest.raises(InputError, match=bad):
        load(tmp_path / "data", tmp_path / "cache", heard, **options, strict=True)
    assert works(heard) == set(), "what is known to be unreadable stops it before anything is decoded"
    whole = load(tmp_path / "data", tmp_path / "cache", **options)
    assert set(whole.reasons) == {20, 25}
    rows = np.flatnonzero(whole.readable)
    fresh = load(tmp_path / "data", tmp_path / "fresh", **options)
    assert np.array_equal(whole.array[rows], fresh.array[rows])
    (entry,) = (path for path in tmp_path.glob("cache/*/*") if (path / "meta.json").exists())
    (other,) = (path for path in tmp_path.glob("fresh/*/*") if (path / "meta.json").exists())
    assert {file.name for file in entry.iterdir()} == {file.name for file in other.iterdir()}
    assert not [name for name in ("state", "journal", "reasons.jsonl") if (entry / name).exists()]


def test_what_was_done_before_a_kill_is_not_done_again(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 2500)
    process = start(tmp_path / "data", tmp_path / "cache")
    states = "cache/pixels/.partial-*/state"
    until(lambda: any(np.fromfile(path, np.uint8).any() for path in tmp_path.glob(states)), pause=0.001)
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
    program = LOAD.replace("workers=1", "workers=1, image_size=700")
    command = f'{mount.format(cache=cache)} && exec {sys.executable} -c "$PROGRAM" {tmp_path / "data"} {cache} raw'
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


IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from tests.data.loading import load
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]) * 2**20, resource.RLIM_INFINITY))
home = Path(sys.argv[1])
for _ in range(2):  # whoever read the images once in a run reads the same ones again
    print(*load(home / "data", home / "cache", image_size=32, fit="squash", workers=1).reasons.values())
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_a_picture_that_there_was_no_memory_for_is_tried_again(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 3)
    Image.new("1", (9000, 9000)).save(tmp_path / "data" / "large.png")
    said = []
    for memory in (420, 420, 8000, 8000):
        done = subprocess.run(
            [sys.executable, "-c", IN_LITTLE_MEMORY, str(tmp_path), str(memory)], capture_output=True, text=True,
            check=False, cwd=Path(__file__).parents[2], env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.splitlines())
        for built in (tmp_path / "cache").rglob("sha256.npy"):  # the next command begins seconds later
            os.utime(built, (time.time() - 5, time.time() - 5))
    why = "needs more memory than there is"
    assert said == [[why, why], [why, why], ["", ""], ["", ""]]
