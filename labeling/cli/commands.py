"""What the commands of `python -m labeling` do: each prints what came of it and returns the exit status."""
# ruff: noqa: T201 - printing is the commands' output

import dataclasses
import hashlib
import json
import os
import shlex
import time
from pathlib import Path
from typing import NoReturn

from barlowmatch.data.tables import shown
from barlowmatch.errors import InputError
from barlowmatch.events import Emit
from barlowmatch.words import count
from labeling.configs import (
    BackupConfig,
    ChooseConfig,
    ExportConfig,
    ImportConfig,
    InitConfig,
    LaunchConfig,
    LauncherConfig,
    PeopleConfig,
    PreviewLabelsConfig,
    ProbeConfig,
    RoundConfig,
    StatsConfig,
    StoreLabelsConfig,
    UndoLabelsConfig,
    VerifyConfig,
)  # fmt: skip
from labeling.project import ProjectFolder, reading, writing
from labeling.telling import telling_of
from storage import images as store
from storage.checks import find_faults
from storage.classes import list_classes
from storage.database import Database, back_up, transaction
from storage.people import list_people
from storage.records import Image
from storage.requests import list_requests
from storage.settings import get_setting, put_setting
from storage.stats import progress


def do_init(config: InitConfig) -> int:
    """Make a project."""
    from labeling.dataset.indexing import init_project

    with telling_of("init", config) as account:
        control = init_project(
            config.project, dataset_folder=config.dataset_folder, manifest=config.manifest, group_by=config.group_by,
            class_folders=config.class_folders, control=config.control, note=account.note,
        )  # fmt: skip
        account.results = {"control": control.items if control else 0}
    with reading(config.project) as db:
        print(f"{config.project}: {_summary(db)}")
    if control is not None:
        sample = count(control.items, "random image")
        print(f"no validation split: {sample} to be asked about first, blind (the control sample)")
    print(f"label: python app.py --project {config.project}")
    return 0


def do_import(config: ImportConfig) -> int:
    """Bring things in, files first, then labels, predictions and requests."""
    with telling_of("import", config) as account:
        account.results = _import(config, account.note)
    return 0


def _import(config: ImportConfig, note: Emit) -> dict[str, int]:
    """Bring in what is named and return what became of the files."""
    files = {}
    if config.rescan:
        from labeling.dataset.indexing import rescan

        found = rescan(config.project, config.dataset_folder, note)
        files = dataclasses.asdict(found)
        print(f"files: {found.added} new, {found.moved} moved, {found.gone} gone, {found.replaced} replaced")
        if found.unlike:
            print(f"{count(found.unlike, 'label')} in the folder and not in the project; store-labels takes them in")
    if config.labels is not None:
        from labeling.dataset.labels import import_table

        labels = import_table(config.project, config.labels, config.person, config.add_classes)
        empty = f", {labels.empty} without a label" if labels.empty else ""
        print(f"{config.labels}: {count(labels.stored, 'label')} stored, {labels.known} known already{empty}")
    if config.request is not None:
        from labeling.requests.tables import import_request

        added = import_request(config.project, config.request, config.overlap, config.purpose)
        reasons = "".join(f", {number} {reason}" for reason, number in added.left_out.items())
        print(f"{config.request}: request {added.id} asks about {count(added.items, 'image')}{reasons}")
    if config.embeddings is not None:
        from labeling.embeddings.importing import import_embeddings
        from labeling.runs.launching import learned_at

        taken = import_embeddings(config.project, config.embeddings, learned_at(config.embeddings))
        print(
            f"{config.embeddings}: {count(taken.predictions, 'prediction')}, neighbours of "
            f"{count(taken.neighbours, 'asked image')}, {count(taken.suspects, 'suspect label')}"
        )
    return files


def do_choose(config: ChooseConfig) -> int:
    """Choose images to ask about."""
    from labeling.requests.choosing import choose

    with telling_of("choose", config) as account:
        chosen = account.results = choose(config, account.emit)
    print(
        f"{chosen['count']:,} of {count(chosen['free'], 'image')} chosen by {config.strategy} in {chosen['seconds']} s"
    )
    return 0


def do_probe(config: ProbeConfig) -> int:
    """Learn until nobody labels any more."""
    from labeling.probe.process import learn

    os.nice(config.nice)
    learn(config.project, config.idle, lambda line: print(line, flush=True))
    return 0


def do_people(config: PeopleConfig) -> int:
    """Say who may log in."""
    from labeling.cli import people

    return people.do(config)


def do_preview_labels(config: PreviewLabelsConfig) -> int:
    """Say what importing labels would store."""
    from labeling.dataset.importing import preview

    with telling_of("preview-labels", config) as account:
        found = account.results = preview(config.project, config.source)
    for name in ("rows", "fresh", "same", "differ", "empty", "unknown_files", "twice", "measured"):
        print(f"{name.replace('_', ' ')}: {found[name]:,}")
    for name in found["first_unknown_files"]:
        print(f"no such file: {shown(name)}")
    for name in found["first_twice"]:
        print(f"two different labels: {shown(name)}")
    for item in found["unknown_classes"]:
        print(f"no class yet: {item['name']} ({item['rows']:,})")
    return 0


def do_store_labels(config: StoreLabelsConfig) -> int:
    """Store labels as one import."""
    from labeling.dataset.importing import Choice, store

    choice = Choice(config.add_classes, config.also_labeled)
    with telling_of("store-labels", config) as account:
        account.results = store(config.project, config.source, config.uuid, choice, config.by, account.emit)
    print(f"{config.source}: {count(account.results['stored'], 'label')} stored")
    way_back = shlex.join(["undo-labels", "--project", str(config.project), "--uuid", config.uuid])
    print(f"take them back: python -m labeling {way_back}")
    return 0


def do_undo_labels(config: UndoLabelsConfig) -> int:
    """Take an import back."""
    from labeling.dataset.importing import take_back

    with telling_of("undo-labels", config) as account:
        account.results = take_back(config.project, config.uuid, config.undo, account.emit)
    print(f"{account.results['source']}: {count(account.results['stored'], 'label')} taken back")
    return 0


def do_backup(config: BackupConfig) -> int:
    """Copy the database."""
    folder = ProjectFolder(config.project).need().folder
    target = config.to or folder / "backups" / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.db"
    if target.exists():
        raise InputError(f"{target}: exists already; name another file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target.parent}: cannot be made ({error.strerror}); name another place") from error
    with reading(folder) as db:
        back_up(db, target)
    print(f"{target}: {target.stat().st_size:,} bytes, checked")
    return 0


def do_verify(config: VerifyConfig) -> int:
    """Check a project and say what is wrong with it, one line each."""
    with reading(config.project) as db:
        faults = find_faults(db)
        root = Path(get_setting(db, "root", ""))
        images = list(store.all_images(db))
        missing = [problem for image in images if image.present and (problem := _problem(root, image, config.contents))]
        summary = _summary(db)
    for line in (*faults, *missing[:20]):
        print(line)
    if len(missing) > 20:
        print(f"… and {count(len(missing) - 20, 'more file')}; python -m labeling import --rescan takes note of them")
    print(f"{config.project}: {summary}; {count(len(faults), 'fault')}, {count(len(missing), 'file')} not as they were")
    return 1 if faults or missing else 0


def _problem(root: Path, image: Image, contents: bool) -> str | None:
    path = root / os.fsdecode(image.path)
    try:
        status = path.stat()
        if not contents and (status.st_size, status.st_mtime_ns) == (image.bytes, image.mtime_ns):
            return None
        same = hashlib.sha256(path.read_bytes()).hexdigest() == image.sha256
    except OSError as error:
        return f"{image.name}: cannot be read ({error.strerror})"
    return None if same else f"{image.name}: has other content than when it was indexed"


def do_stats(config: StatsConfig) -> int:
    """Print how far a project has come."""
    with reading(config.project) as db:
        whole, classes, people = progress(db), list_classes(db), list_people(db)
        requests = list_requests(db, finished=True)
        summary = _summary(db)
    if config.json:
        names = [{"id": item.id, "name": item.name, "count": item.count} for item in classes]
        print(json.dumps({**dataclasses.asdict(whole), "classes": names}, indent=2))
        return 0
    print(f"{config.project}: {summary}")
    for item in classes:
        print(f"  {item.name}: {item.count:,}")
    for request in requests:
        done = request.items * request.overlap - request.left
        given = f"{count(done, 'answer')}, {request.left:,} left"
        print(f"request {request.id} ({request.purpose}, {request.strategy}): {given}")
    for person in people:
        print(f"{person.name}: {count(person.answers, 'answer')}")
    return 0


def _summary(db: Database) -> str:
    whole = progress(db)
    parts = {
        "labeled": whole.labeled, "none of the classes": whole.rejected,
        "disputed": whole.disputed, "flagged": whole.flagged, "without a file": whole.missing,
        "suspect": whole.suspects,
    }  # fmt: skip
    others = [f"{number:,} {what}" for what, number in parts.items() if number]
    return ", ".join([count(whole.images, "image"), *others])


def do_export(config: ExportConfig) -> int:
    """Write an export."""
    from labeling.exports.jobs import default_name
    from labeling.exports.writing import export

    name = config.name or default_name(config.format)
    with telling_of("export", config) as account:
        result = account.results = export(config.project, config.format, name, account.emit)
    left_out = "".join(f", {number} left out ({reason})" for reason, number in result["left_out"].items())
    counts = f"{count(result['images'], 'image')}, {result['labeled']:,} labeled{left_out}"
    print(f"{result['path']}: {counts}, at event {result['event']}")
    return 0


def do_launcher(config: LauncherConfig) -> int:
    """Say what runs are started with, or set it."""
    from labeling.runs.launching import python_words
    from labeling.runs.wishes import LAUNCHER

    if config.words is not None:
        python_words(config.words)
        with writing(config.project) as db, transaction(db):
            put_setting(db, LAUNCHER, config.words.strip())
    with reading(config.project) as db:
        words = get_setting(db, LAUNCHER, "")
    print(f"{config.project}: runs are started with {words or 'this Python'}")
    return 0


def do_round(config: RoundConfig) -> int:
    """Run the round."""
    from labeling.rounds.planning import RoundWish
    from labeling.rounds.running import begin_by_hand, run_round

    paths = ProjectFolder(config.project).need()
    wish = RoundWish(config.minutes, config.strategy, config.budget, config.overlap)
    return run_round(paths, config.run or begin_by_hand(paths, wish), wish)


def do_launch(config: LaunchConfig) -> NoReturn:
    """Become the command of a run."""
    from labeling.runs.launching import become

    paths = ProjectFolder(config.project).need()
    become(paths.folder, paths.runs / config.run)
