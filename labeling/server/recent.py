"""Projects that were opened lately, remembered in the user's config folder."""

import json
from contextlib import suppress
from pathlib import Path

import platformdirs

from barlowmatch.errors import InputError
from barlowmatch.files import write_json
from labeling.project import ProjectFolder

KEPT = 12


def recent_projects() -> list[Path]:
    """Return the folders of projects that are still there, the one opened last first."""
    return [folder for folder in _remembered() if ProjectFolder(folder).exists]


def remember_project(folder: Path) -> None:
    """Put a project first; where the config folder cannot be written, nothing is remembered."""
    own = folder.absolute()
    kept = [own, *(other for other in _remembered() if other != own)][:KEPT]
    with suppress(InputError, OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_json(_file(), [str(path) for path in kept])


def _remembered() -> list[Path]:
    try:
        listed = json.loads(_file().read_text(encoding="utf-8"))
        return [Path(entry) for entry in listed if isinstance(entry, str)]
    except (OSError, ValueError, TypeError):
        return []


def _file() -> Path:
    return Path(platformdirs.user_config_dir("barlowmatch")) / "recent.json"
