"""The dataset report of a project: what `python -m barlowmatch inspect` last found, kept in the project's cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from barlowmatch.files import write_json
from labeling.processes import read_json
from labeling.project import ProjectFolder
from storage.clock import now

_KEPT_FILES = 200
"""Unreadable files and sets of equal images that are kept by name; the counts are of all."""


@dataclass(frozen=True)
class Report:
    """A report and when it was made, as ISO 8601 in UTC; it names files by bytes that may be no UTF-8."""

    time: str
    found: dict[str, Any]


def keep_report(paths: ProjectFolder, report: dict[str, Any]) -> None:
    """Keep a report as the newest; long lists of files are cut, their lengths are kept beside them.

    Raises:
        InputError: the cache cannot be written.
    """
    kept = {name: value for name, value in report.items() if name != "manifest"}
    for name in ("unreadable", "duplicates"):
        kept[name] = report[name][:_KEPT_FILES]
        kept[f"{name}_count"] = len(report[name])
    write_json(_place(paths), {"time": now(), "found": kept})


def kept_report(paths: ProjectFolder) -> Report | None:
    """Return the newest report, None where the images were never read by a version that keeps one."""
    kept = read_json(_place(paths))
    return Report(kept["time"], kept["found"]) if kept else None


def _place(paths: ProjectFolder) -> Path:
    return paths.cache / "report.json"
