"""Report what a dataset holds and what is wrong with it."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from barlowmatch.command_line.outputs import check_output_file, refuse_to_lose
from barlowmatch.configs.inspect import InspectConfig
from barlowmatch.data.dataset import SPLITS, Dataset
from barlowmatch.data.findings import duplicate_warnings, find_duplicates, page_warnings
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.listings import MANIFEST_COLUMNS, write_manifest
from barlowmatch.data.progress import Rate
from barlowmatch.data.workers import Answer, run_tasks
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Event, Said, silent

_COMMON = 5
_COPIES = 20
"""Sets of equal images that are listed for people; every file that cannot be read is."""


def run(config: InspectConfig, emit: Emit = silent) -> dict[str, Any]:
    """Read every image of a dataset and return the report.

    Returns:
        `root`, `layout`, `fingerprint`, `images`, `bytes`, `splits` (images and labels of each), `classes` (id, name
        and labels by split), `formats`, `modes`, `sizes`, `unreadable` (file, split, reason), `duplicates` (files of
        equal content, their splits and labels), `groups`, `problems` (labels or groups that do not fit) and `warnings`
        as sentences, `manifest`.

    Raises:
        InputError: there is no dataset; under `--strict`, a file is unreadable; `--manifest-out` cannot name the
            images, or the labels have problems.
    """
    if config.manifest_out is not None:
        check_output_file("--manifest-out", config.manifest_out, None)  # names images from the folder it lies in
        refuse_to_lose("--manifest-out", config.manifest_out, MANIFEST_COLUMNS)
    dataset, problems, told = _read(config, emit)
    found = examine(dataset, config, emit)
    unreadable = [row for row, answer in enumerate(found) if "reason" in answer]
    readable = [answer for answer in found if "reason" not in answer]
    duplicates = find_duplicates([answer.get("sha256", "") if answer.get("bytes") else "" for answer in found])
    left_out = [f"{len(unreadable):,} of {len(dataset):,} images cannot be read; training leaves them out"]
    pages = page_warnings(dataset, [answer.get("pages", 1) for answer in found])
    further = [*(left_out if unreadable else []), *pages, *duplicate_warnings(dataset, duplicates)]
    report = {
        "root": str(dataset.root),
        "layout": dataset.layout,
        "fingerprint": dataset.fingerprint,
        "images": len(dataset),
        "bytes": sum(answer.get("bytes", 0) for answer in found),
        "splits": _splits(dataset),
        "classes": _classes(dataset),
        "formats": dict(Counter(answer["format"] for answer in readable).most_common()),
        "modes": dict(Counter(answer["mode"] for answer in readable).most_common()),
        "sizes": _sizes([(answer["width"], answer["height"]) for answer in readable]),
        "unreadable": [_unreadable(dataset, row, found[row]["reason"]) for row in unreadable],
        "duplicates": [_duplicate(dataset, rows) for rows in duplicates],
        "groups": _groups(dataset.groups),
        "problems": problems,
        "warnings": [*told, *further],
        "manifest": None,
    }
    for sentence in (*problems, *further):
        emit(Said(message=sentence, level="warning"))
    if config.manifest_out is not None:
        if problems:
            raise InputError(f"--manifest-out {config.manifest_out}: not written, for {problems[0]}")
        write_manifest(config.manifest_out, dataset, [answer.get("sha256", "") for answer in found])
        report["manifest"] = str(config.manifest_out)
    return report


def _read(config: InspectConfig, emit: Emit) -> tuple[Dataset, list[str], list[str]]:
    """Return the dataset, what does not fit in it, and the warnings that were said while it was read."""
    problems: list[str] = []
    told: list[str] = []

    def listen(event: Event) -> None:
        emit(event)
        if isinstance(event, Said) and event.level == "warning":
            told.append(event.message)

    return read_dataset(config, listen, problems.append), problems, told


def examine(dataset: Dataset, config: InspectConfig, emit: Emit) -> list[Answer]:
    """Return what each file is: sha256, bytes, format, mode, sides, and the reason where it is unreadable."""
    found: list[Answer] = [{}] * len(dataset)
    rate = Rate("examine images", len(dataset), emit)
    files = [str(dataset.path(row)) for row in range(len(dataset))]
    for row, answer in run_tasks("examine", files, config.workers):
        expected = dataset.sha256[row] if dataset.sha256 is not None else ""
        if expected and answer.get("sha256", expected) != expected:
            answer.setdefault("reason", "changed since the manifest was written")
        if config.strict and "reason" in answer:
            raise InputError(f"{files[row]}: {answer['reason']}; repair or remove it, or leave out --strict")
        found[row] = answer
        rate.step()
    return found


def present(config: InspectConfig, result: dict[str, Any]) -> None:
    """Print the report, as JSON where asked for."""
    print(json.dumps(result, indent=2) if config.json else "\n".join(report_lines(result)))  # noqa: T201


def report_lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield the report as people read it; its warnings were said before."""
    yield f"{report['root']}: {report['layout']} layout, {report['images']:,} images, {report['bytes'] / 1e6:,.1f} MB"
    yield ""
    rows = [(split, counts["images"], counts["labeled"]) for split, counts in report["splits"].items()]
    yield from _table(("split", "images", "labeled"), rows)
    if report["classes"]:
        splits = [split for split in SPLITS[:3] if split in report["splits"]]
        yield ""
        yield from _table(
            ("class", *splits),
            [(item["name"], *(item["labels"][split] for split in splits)) for item in report["classes"]],
        )
    yield ""
    if report["sizes"]:
        sizes = report["sizes"]
        yield f"formats: {_listing(report['formats'])}; modes: {_listing(report['modes'])}"
        yield (
            f"sizes: {_size(sizes['smallest'])} to {_size(sizes['largest'])}, shorter side {sizes['median_side']:g} px "
            f"in the middle; most common {', '.join(f'{_size(item)} ({item[2]:,})' for item in sizes['common'])}"
        )
    if report["groups"]:
        yield f"groups: {report['groups']['count']:,}, the largest of {report['groups']['largest']:,} images"
    yield f"unreadable: {len(report['unreadable']):,}"
    yield from (f"  {printable(item['file'])}: {item['reason']}" for item in report["unreadable"])
    yield f"images that are there more than once: {len(report['duplicates']):,}"
    yield from (f"  {_duplicate_line(item)}" for item in report["duplicates"][:_COPIES])
    if len(report["duplicates"]) > _COPIES:
        yield f"  and {len(report['duplicates']) - _COPIES:,} more; --json lists them all"
    if report["manifest"]:
        yield f"manifest: {report['manifest']}"


def printable(text: str) -> str:
    """Return a name that any terminal shows as one line: bytes that are no UTF-8 and control characters escaped."""
    shown = text.encode("utf-8", "backslashreplace").decode()
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in shown)


def _splits(dataset: Dataset) -> dict[str, dict[str, int]]:
    return {
        split: {"images": int(rows.sum()), "labeled": int((rows & (dataset.labels >= 0)).sum())}
        for split in SPLITS
        if (rows := dataset.splits == split).any()
    }


def _classes(dataset: Dataset) -> list[dict[str, Any]]:
    counts = {}
    for split in SPLITS[:3]:
        labels = dataset.labels[(dataset.splits == split) & (dataset.labels >= 0)]
        counts[split] = np.bincount(labels, minlength=len(dataset.classes)).tolist()
    return [
        {"id": item.id, "name": item.name, "labels": {split: counts[split][place] for split in counts}}
        for place, item in enumerate(dataset.classes)
    ]


def _sizes(sides: list[tuple[int, int]]) -> dict[str, Any] | None:
    if not sides:
        return None
    return {
        "smallest": min(sides, key=lambda side: side[0] * side[1]),
        "largest": max(sides, key=lambda side: side[0] * side[1]),
        "median_side": float(np.median([min(side) for side in sides])),
        "different": len(set(sides)),
        "common": [[*side, count] for side, count in Counter(sides).most_common(_COMMON)],
    }


def _unreadable(dataset: Dataset, row: int, reason: str) -> dict[str, str]:
    return {"file": dataset.files[row], "split": str(dataset.splits[row]), "reason": reason}


def _duplicate(dataset: Dataset, rows: Sequence[int]) -> dict[str, list[str | None]]:
    names = (*dataset.class_names, None)
    return {
        "files": [dataset.files[row] for row in rows],
        "splits": [str(dataset.splits[row]) for row in rows],
        "labels": [names[dataset.labels[row]] for row in rows],
    }


def _groups(groups: tuple[str, ...] | None) -> dict[str, int] | None:
    if groups is None:
        return None
    counts = Counter(groups)
    return {"count": len(counts), "largest": max(counts.values())}


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    cells = [[f"{value:,}" if isinstance(value, int) else printable(value) for value in row] for row in (header, *rows)]
    first, *others = (max(map(len, column)) for column in zip(*cells, strict=True))
    for name, *numbers in cells:
        yield "  ".join([name.ljust(first), *(cell.rjust(width) for cell, width in zip(numbers, others, strict=True))])


def _listing(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _size(side: Sequence[int]) -> str:
    return f"{side[0]}×{side[1]}"


def _duplicate_line(item: dict[str, Any]) -> str:
    shown = [f"{printable(file)} ({split})" for file, split in zip(item["files"], item["splits"], strict=True)]
    more = f" and {len(shown) - _COMMON:,} more" if len(shown) > _COMMON else ""
    return " = ".join(shown[:_COMMON]) + more
