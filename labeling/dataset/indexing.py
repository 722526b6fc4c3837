"""Making a project of a dataset, and finding out what became of its files since."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from barlowmatch.command_line.outputs import refuse_inside
from barlowmatch.configs.shared import ClassFolders
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, silent
from barlowmatch.files import aside
from labeling.configs import InitConfig
from labeling.dataset.entering import READING, enter_classes, enter_images, enter_in_parts
from labeling.dataset.inspecting import INDEX, Found, Index, Source, read_index
from labeling.dataset.judged import choose_judged
from labeling.project import ProjectFolder, creating, writing
from storage import images as store
from storage.classes import list_classes
from storage.control import Control
from storage.database import Database, transaction
from storage.events import imported_labels
from storage.leases import recount
from storage.parts import store_in_parts
from storage.people import DATASET, find_or_add_person
from storage.present import refresh_all
from storage.records import Image, NewImage
from storage.settings import get_setting, put_setting


@dataclass(frozen=True)
class Rescanned:
    """What became of files: new ones, moved ones linked again, gone ones, and ones replaced by other content.

    `unlike` are known images that the dataset gives a label by now which it never gave them before, and which is not
    theirs: their files were moved to the folder of another class, or a table of labels came. It is told, not stored:
    folders may be anything by now, and labels are imported as such.
    """

    added: int
    moved: int
    gone: int
    replaced: int
    unlike: int = 0


def init_project(
    folder: Path,
    *,
    dataset_folder: Path | None = None,
    manifest: Path | None = None,
    group_by: str | None = None,
    class_folders: ClassFolders = None,
    control: int = InitConfig.control,
    note: Emit = silent,
) -> Control | None:
    """Make a project of a dataset folder or a manifest.

    A dataset without a validation split gets its control sample at once: a first, blind request of `control` random
    images, or fewer in a small folder (`storage.control.ONE_IN`). It is returned, None where models are judged by what
    the dataset has (`labeling.dataset.judged`). `note` hears how far the reading of images
    is; the terminal is told anyway.

    Raises:
        InputError: there is a project already, no dataset, the project would lie in it, or the folder cannot be
            written.
    """
    paths = ProjectFolder(folder)
    if paths.exists:
        raise InputError(f"{paths.folder}: is a project already; open it, or name another folder")
    named = manifest or dataset_folder
    if named is None:
        raise InputError("init: name the images by --dataset-folder or --manifest")
    if not named.exists():
        raise InputError(f"{named}: no such {'file' if manifest else 'folder'}; name what holds the images")
    refuse_inside("--project", folder, dataset_folder)
    source = Source(manifest.name if manifest else None, group_by, class_folders)
    with _whole_project(paths):
        paths.make()
        with _linked(paths, named.parent if manifest else named) as images:
            index = read_index(paths, images, source, note)
            with creating(paths) as db, transaction(db):
                _enter(db, paths, index, source)
                asked = choose_judged(db, control)
                images.replace(paths.dataset)
    return asked


@contextmanager
def _whole_project(paths: ProjectFolder) -> Iterator[None]:
    """Take away what was made of a project that does not become one; what lay in its folder before stays."""
    made = (*paths.parts, paths.folder / INDEX, paths.folder)
    ours = [path for path in made if not os.path.lexists(path)]
    try:
        yield
    except BaseException:
        for path in ours:
            with suppress(OSError):  # a folder that is not empty holds what a next try can use
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        raise


def _enter(db: Database, paths: ProjectFolder, index: Index, source: Source) -> None:
    put_setting(db, "id", secrets.token_hex(4))
    put_setting(db, "name", paths.folder.name)
    put_setting(db, "root", str(index.root))
    for name, value in asdict(source).items():
        put_setting(db, name, value)
    enter_images(db, index, index.found, set())
    refresh_all(db)


def read_source(db: Database) -> Source:
    """Return how the images of a project are read; what earlier versions did not ask is as it was then.

    Their projects have `false` where folders are no classes, and `true` where they went by what these look like.
    """
    stored = {field.name: get_setting(db, field.name, field.default) for field in fields(Source)}
    earlier = {True: None, False: 0}
    said = stored["class_folders"]
    return Source(**{**stored, "class_folders": earlier[said] if isinstance(said, bool) else said})


@contextmanager
def _linked(paths: ProjectFolder, root: Path | None) -> Iterator[Path]:
    """Yield a link to images, to be renamed to the project's own once they are taken up; without a root, its own."""
    if root is None:
        yield paths.dataset
        return
    real = Path(os.path.realpath(root))
    if real.is_relative_to(paths.folder):
        raise InputError(f"{root}: lies in the project folder; keep the images outside of it")
    if paths.dataset.exists() and not paths.dataset.is_symlink():
        raise InputError(f"{paths.dataset}: is in the way of the link to the images; move it elsewhere")
    link = aside(paths.dataset)
    link.symlink_to(real, target_is_directory=True)
    try:
        yield link
    finally:
        link.unlink(missing_ok=True)


def rescan(folder: Path, dataset_folder: Path | None = None, note: Emit = silent) -> Rescanned:
    """Find out what became of the images: take up new ones, link moved ones by their content, note what is gone.

    New bytes are a new image: a file whose content changed is one that is gone and one that is new. What is known is
    brought up to date first, at once; then new images come in, many small writes of them. Killed meanwhile, the next
    rescan goes on.

    Args:
        folder: of the project.
        dataset_folder: where the images lie now, if the whole folder moved.
        note: hears how far reading the images is; the terminal is told anyway.

    Raises:
        InputError: no project there, or the images cannot be read.
    """
    paths = ProjectFolder(folder).need()
    with writing(folder) as db, _linked(paths, dataset_folder) as images:
        index = read_index(paths, images, read_source(db), note)
        changes = _compare(db, index)
        rescanned, labels, fresh = _take_up(db, index, changes)
        images.replace(paths.dataset)  # not before: a full disk may yet undo what was taken up
        added = enter_in_parts(db, index, fresh)
        store_in_parts(db, changes.times, lambda part: store.note_files(db, part))
        return replace(rescanned, added=added, unlike=_count_unlike(db, labels))


@dataclass(frozen=True)
class _Changes:
    """How the files differ from what a project knows of them.

    Attributes:
        reading: which reading of the dataset the project's knowledge is of.
        stayed: known images whose files are as they were, with what was found.
        lost: known images whose files are not where they were, or are of other content by now.
        others: what was found besides.
    """

    reading: int
    stayed: list[tuple[Image, Found]]
    lost: list[Image]
    others: list[Found]

    @property
    def times(self) -> list[tuple[Image, NewImage]]:
        """What has another time by now, as a copied file does: noted, that spares `verify` reading all of it."""
        return [(image, found.new) for image, found in self.stayed if found.new.mtime_ns != image.mtime_ns]


def _compare(db: Database, index: Index) -> _Changes:
    """Compare all files, which takes seconds: outside of a write, for which everybody's labels wait."""
    reading: int = get_setting(db, READING, 0)
    now_there = {found.new.path: found for found in index.found}
    stayed, lost = [], []
    for image in store.all_images(db):
        found = now_there.get(image.path) if image.present else None
        if found is not None and found.new.sha256 == image.sha256:
            stayed.append((image, found))
        else:
            lost.append(image)
    kept = {image.path for image, _ in stayed}
    return _Changes(reading, stayed, lost, [now_there[path] for path in sorted(now_there.keys() - kept)])


def _take_up(db: Database, index: Index, changes: _Changes) -> tuple[Rescanned, list[tuple[Image, int]], list[Found]]:
    """Store what became of known files; return that, the labels that the dataset gives to them, and what is new."""
    with transaction(db):
        if get_setting(db, READING, 0) != changes.reading:  # somebody else read the dataset meanwhile
            changes = _compare(db, index)
        put_setting(db, "root", str(index.root))
        put_setting(db, READING, changes.reading + 1)
        ids = enter_classes(db, index)
        lost = [image for known in changes.lost if (image := store.get_image(db, known.id)) is not None]  # labels came
        store.mark_gone(db, [image.id for image in lost])
        linked = _moved(lost, changes.others)
        moved = {_link_again(db, image, found.new) for image, found in linked}
    taken = {found.new.path for _, found in linked}
    fresh = [found for found in changes.others if found.new.path not in taken]
    missed = [image for image in lost if image.present and image.id not in moved]
    there = {found.new.path for found in changes.others}
    replaced = sum(image.path in there for image in missed)
    labels = [(image, ids[found.label]) for image, found in changes.stayed + linked if found.label]
    return Rescanned(0, len(moved), len(missed) - replaced, replaced), labels, fresh


def _moved(lost: Sequence[Image], others: Sequence[Found]) -> list[tuple[Image, Found]]:
    """Pair images whose files were lost with files of their content.

    Of copies that are fewer by now, those are gone that were gone before, or else that nobody answered: no label goes
    with them.
    """
    places: dict[str, list[Found]] = {}
    contents = {image.sha256 for image in lost}
    for found in others:  # most of them new, as a rule
        if found.new.sha256 in contents:
            places.setdefault(found.new.sha256, []).append(found)
    copies: dict[str, list[Image]] = {}
    for image in sorted(lost, key=lambda image: (not image.present, image.label.state == "none", image.id)):
        copies.setdefault(image.sha256, []).append(image)
    pairs = []
    for content, files in places.items():
        back = sorted(copies.get(content, [])[: len(files)], key=lambda image: image.id)
        pairs += list(zip(back, files, strict=False))
    return pairs


def _count_unlike(db: Database, labels: Sequence[tuple[Image, int]]) -> int:
    """Count labels of the dataset that it never gave to their images before, and that these do not have."""
    given = imported_labels(db, find_or_add_person(db, DATASET).id)
    present = {item.id: item.root for item in list_classes(db, merged=True)}
    return sum((image.id, label) not in given and image.label.class_id != present[label] for image, label in labels)


def _link_again(db: Database, image: Image, new: NewImage) -> int:
    """Say where the file of an image lies now, and let it be asked about again; return the image."""
    store.relink(db, image.id, new.path, new.name, new.bytes, new.mtime_ns)
    recount(db, image.id)
    return image.id
