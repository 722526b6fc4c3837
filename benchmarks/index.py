"""Scanning and caching a folder of very many small files: files a second a core, and the memory it takes.

The files are images of CIFAR-10, each with some bytes of its own at the end, so that no two are equal.
"""

import argparse
import resource
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from barlowmatch.configs.shared import ImageOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import load_pixels
from barlowmatch.data.workers import cores
from benchmarks.datasets import cifar10_archive
from benchmarks.measuring import table
from benchmarks.sides import Figures, Side, plain, serve

FOLDER_FILES = 1000
MEBIBYTE = 2**20


def write_files(folder: Path, count: int) -> None:
    """Write `count` different small JPEG files, a thousand a folder."""
    with zipfile.ZipFile(cifar10_archive()) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        contents = [archive.read(name) for name in names[: min(count, 10_000)]]
    for number in range(count):
        parent = folder / f"{number // FOLDER_FILES:05d}"
        if number % FOLDER_FILES == 0:
            parent.mkdir(parents=True)
        (parent / f"{number:08d}.jpg").write_bytes(contents[number % len(contents)] + number.to_bytes(8, "little"))


def build(folder: Path, cache: Path) -> Callable[[], Figures]:
    """Return a function that scans and caches a folder, or finds it cached, and says what that took."""
    options = ImageOptions(dataset_folder=folder, cache_folder=cache)

    def measure() -> Figures:
        started, before = time.perf_counter(), _processor_seconds()
        pixels = load_pixels(read_dataset(options), options)
        return {
            "seconds": time.perf_counter() - started,
            "processor_seconds": _processor_seconds() - before,
            "files": float(len(pixels.readable)),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEBIBYTE,
            "worker_peak_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MEBIBYTE,
        }

    return measure


def _processor_seconds() -> float:
    """Return the processor time of this process and of the workers that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def figures(count: int, home: Path) -> dict[str, Any]:
    """Return the figures for `count` files: built from nothing, and started again."""
    write_files(home / "files", count)
    with Side("index", str(home / "files"), str(home / "cache"), warm_up=False) as side:
        first, again = side.ask(), side.ask()
    return plain(
        files_per_second=count / first["seconds"],
        files_per_core_second=count / first["processor_seconds"],
        second_start_seconds=again["seconds"],
        peak_mib=first["peak_mib"],
        worker_peak_mib=first["worker_peak_mib"],
    )


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return the figures by number of files, and the bytes each further file takes."""
    parser = argparse.ArgumentParser(prog="benchmarks index", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--counts", type=int, nargs=2, default=[50_000, 200_000], help="files in the two folders")
    options = parser.parse_args(argv)
    found: dict[str, Any] = {}
    for count in sorted(options.counts):
        with tempfile.TemporaryDirectory() as home:
            found[str(count)] = figures(count, Path(home))
    header = ("files", *(name.replace("_", " ") for name in next(iter(found.values()))))
    print(table(header, [[f"{int(count):,}", *map(str, values.values())] for count, values in found.items()]))
    few, many = sorted(options.counts)
    growth = (found[str(many)]["peak_mib"] - found[str(few)]["peak_mib"]) * MEBIBYTE / (many - few)
    return {**found, "bytes_per_further_file": round(growth), "cores": cores()}


if __name__ == "__main__":
    serve(build(Path(sys.argv[1]), Path(sys.argv[2])))
