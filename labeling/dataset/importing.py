"""Importing labels: what a table or class folders would store, storing it, and taking it back.

An import is many small writes, so that people go on labeling meanwhile. Each label's UUID comes from the import's,
so an import that was cut off is finished by running it again, and none is stored twice.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from barlowmatch.data.classes import some
from barlowmatch.data.progress import Rate
from barlowmatch.data.tables import shown
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said
from labeling.dataset.classes import add_classes, known_classes
from labeling.dataset.labelsets import Row, read_labels
from labeling.dataset.uploads import Uploads
from labeling.project import TERM_SECONDS, ProjectFolder, reading, writing
from storage.clock import instant, now
from storage.database import Database, transaction
from storage.events import count_batch, record
from storage.images import get_image
from storage.people import DATASET, find_or_add_person, fold
from storage.records import Image, Sent
from storage.settings import get_setting, put_setting
from storage.written import body_hash

SHOWN = 20
"""Files and classes that a preview names; it counts all of them."""
_AT_ONCE = 100
"""Labels a write stores: others wait a few hundredths of a second."""
_REGISTER = "imports"


@dataclass
class ImportPlan:
    """What an import would do.

    Attributes:
        rows: labels named in all.
        fresh: (image, label) of images without a label.
        same: how many labels are known already.
        differ: (image, label) of images that have another answer.
        unknown_files: names that are no images of the project.
        twice: names given two different labels; neither is stored.
        empty: rows without a label.
        unknown_classes: names of classes that are not there, with how many rows name each.
        measured: how many of the fresh ones are kept for validation.
    """

    rows: int = 0
    fresh: list[tuple[int, str]] = field(default_factory=list)
    same: int = 0
    differ: list[tuple[int, str]] = field(default_factory=list)
    unknown_files: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    empty: int = 0
    unknown_classes: Counter[str] = field(default_factory=Counter)
    measured: int = 0


@dataclass(frozen=True)
class Choice:
    """What is decided about a plan: make the classes that are not there, store labels where there is another answer."""

    add_classes: bool
    also_labeled: bool


def preview(folder: Path, source: Path) -> dict[str, Any]:
    """Return what importing labels would store, as plain values; nothing is stored.

    Raises:
        InputError: no project there, or the source cannot be read.
    """
    with reading(folder) as db:
        plan = plan_import(db, source)
        by_class = Counter(label for _, label in plan.fresh)
        return {
            "source": str(source), "rows": plan.rows, "fresh": len(plan.fresh), "same": plan.same,
            "differ": len(plan.differ), "empty": plan.empty, "measured": plan.measured,
            "unknown_files": len(plan.unknown_files), "first_unknown_files": plan.unknown_files[:SHOWN],
            "twice": len(plan.twice), "first_twice": plan.twice[:SHOWN],
            "unknown_classes": [{"name": name, "rows": count} for name, count in plan.unknown_classes.most_common()],
            "by_class": [{"name": name, "rows": count} for name, count in by_class.most_common()],
            "samples": [{"image": image, "label": label} for image, label in plan.fresh[:: _stride(plan)][:12]],
            "differing": [{"image": image, "label": label} for image, label in plan.differ[:12]],
        }  # fmt: skip


def _stride(plan: ImportPlan) -> int:
    return max(1, len(plan.fresh) // 12)


def plan_import(db: Database, source: Path) -> ImportPlan:
    """Return what importing labels would do.

    Raises:
        InputError: the source cannot be read.
    """
    rows = list(read_labels(db, source))
    known = known_classes(db)
    plan = ImportPlan(rows=len(rows), unknown_files=[row.file for row in rows if row.image is None])
    spelled: dict[str, str] = {}
    for image, written, file in _settled(rows, plan):
        label = written if fold(written) in known else spelled.setdefault(fold(written), written)
        if fold(label) not in known:
            plan.unknown_classes[label] += 1
        _place(plan, db, image, label, known.get(fold(label)), file)
    return plan


def _settled(rows: Sequence[Row], plan: ImportPlan) -> Iterator[tuple[int, str, str]]:
    """Yield (image, label, file) of images that are given one label, and note the others in the plan."""
    said: dict[int, dict[str, Row]] = {}
    for row in rows:
        if row.image is None:
            continue
        if row.label:
            said.setdefault(row.image, {}).setdefault(fold(row.label), row)
        else:
            plan.empty += 1
    for image, labels in said.items():
        first = next(iter(labels.values()))
        if len(labels) > 1:
            plan.twice.append(first.file)
        else:
            yield image, first.label, first.file


def _place(plan: ImportPlan, db: Database, image: int, label: str, class_id: int | None, file: str) -> None:
    found = get_image(db, image)
    assert found is not None, f"{file} was found before"
    if found.label.state == "none":
        plan.fresh.append((image, label))
        plan.measured += found.split in ("val", "test")
    elif class_id is not None and _says(found, class_id):
        plan.same += 1
    else:
        plan.differ.append((image, label))


def _says(image: Image, class_id: int) -> bool:
    return image.label.state == "labeled" and image.label.class_id == class_id


def store(folder: Path, source: Path, own: str, choice: Choice, who: str, emit: Emit) -> dict[str, Any]:
    """Store the labels of a source in the name of the dataset, and return how many; an upload has then served.

    Args:
        folder: of the project.
        source: CSV or class folders.
        own: UUID of the import.
        choice: what was decided about classes and images that have an answer already.
        who: the person who imports, for the register.
        emit: hears how far it is.

    Raises:
        InputError: the source cannot be read, or a class's name cannot be one.
    """
    with writing(folder) as db:
        plan = plan_import(db, source)
        wanted = [*plan.fresh, *(plan.differ if choice.also_labeled else [])]
        with transaction(db):
            person = find_or_add_person(db, DATASET).id
            if choice.add_classes:
                add_classes(db, plan.unknown_classes)
            _register(db, own, source=shown(source.name), by=who, time=now(), parts=-(-plan.rows // _AT_ONCE))
        known = known_classes(db)
        _tell_left_out(plan, choice, known, emit)
        labeled = [(image, known[fold(label)]) for image, label in wanted if fold(label) in known]
        rate = Rate("store labels", len(labeled), emit, unit="label")
        for part, rows in enumerate(parts_of(labeled)):
            with transaction(db):
                for image, class_id in rows:
                    record(db, _event(own, part, image, class_id, person), instant(), TERM_SECONDS)
            rate.step(len(rows))
        with transaction(db):
            _register(db, own, stored=_stored(db, own))
        Uploads(ProjectFolder(folder)).drop(source)
        return _entry(db, own)


def _tell_left_out(plan: ImportPlan, choice: Choice, known: Mapping[str, int], emit: Emit) -> None:
    """Say which rows are not stored, and why."""
    missing = {name: count for name, count in plan.unknown_classes.items() if fold(name) not in known}
    differ = 0 if choice.also_labeled else len(plan.differ)
    kinds = (
        (len(plan.unknown_files), f"of files that are not in the project ({_first(plan.unknown_files)}); correct them"),
        (len(plan.twice), f"of files that are given two different labels ({_first(plan.twice)}); keep one of them"),
        (sum(missing.values()), f"of classes that are not there ({some(missing)}); --add-classes makes them"),
        (differ, "of images that have another answer; --also-labeled stores them too"),
    )
    for count, why in kinds:
        if count:
            emit(Said(message=f"labels left out: {count:,} {why}", level="warning"))


def _first(names: Sequence[str]) -> str:
    return some(map(shown, names), most=3)


def parts_of(labeled: Sequence[tuple[int, int]]) -> Iterator[Sequence[tuple[int, int]]]:
    """Yield what is stored at once."""
    for start in range(0, len(labeled), _AT_ONCE):
        yield labeled[start : start + _AT_ONCE]


def _event(own: str, part: int, image: int, class_id: int, person: int) -> Sent:
    body = body_hash({"import": own, "image": image, "class": class_id}, person)
    return Sent(
        _derived(own, f"{image} {class_id}"), body, "label", person, image=image, class_id=class_id, source="import",
        batch=_derived(own, f"part {part}"),
    )  # fmt: skip


def _derived(own: str, what: str) -> str:
    return str(uuid.uuid5(uuid.UUID(own), what))


def take_back(folder: Path, own: str, undo: str, emit: Emit) -> dict[str, Any]:
    """Take an import back: undone, never erased; answers that people gave since stay.

    Args:
        folder: of the project.
        own: UUID of the import.
        undo: UUID of the undo.
        emit: hears how far it is.

    Raises:
        InputError: there is no such import.
    """
    with writing(folder) as db:
        entry = _entry(db, own)
        if not entry:
            raise InputError(f"{own}: no such import; the Project page lists them")
        person = find_or_add_person(db, DATASET).id
        rate = Rate("take labels back", entry["parts"], emit, unit="part")
        for part in range(entry["parts"]):
            act = _derived(own, f"part {part}")
            body = body_hash({"undo": act}, person)
            sent = Sent(_derived(undo, act), body, "undo", person, undoes=act, source="import")
            with transaction(db):
                record(db, sent, instant(), TERM_SECONDS)
            rate.step()
        with transaction(db):
            _register(db, own, undone=now())
            return _entry(db, own)


def register(db: Database) -> list[dict[str, Any]]:
    """Return the imports of a project, the last first: uuid, source, by, time, and stored and undone where they are.

    Their times say nothing of that: a clock may have been set back between two.
    """
    entries: list[dict[str, Any]] = get_setting(db, _REGISTER, [])
    return entries[::-1]


def _register(db: Database, own: str, **facts: Any) -> None:
    entries = get_setting(db, _REGISTER, [])
    known = next((entry for entry in entries if entry["uuid"] == own), None)
    if known is None:
        entries.append({"uuid": own, **facts})
    else:
        known.update({"time": known["time"]} if "time" in facts else facts)
    put_setting(db, _REGISTER, entries)


def _entry(db: Database, own: str) -> dict[str, Any]:
    return next((entry for entry in register(db) if entry["uuid"] == own), {})


def _stored(db: Database, own: str) -> int:
    """Count the labels that an import stored, those before it was cut off included."""
    parts = [_derived(own, f"part {part}") for part in range(_entry(db, own)["parts"])]
    return sum(count_batch(db, part) for part in parts)
