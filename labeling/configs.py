"""Parameters of the commands of `python -m labeling`."""

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from typing_extensions import Doc

from barlowmatch.command_line.inputs import need_embeddings, need_images, need_labels, need_table
from barlowmatch.configs.fields import Range, Reads
from barlowmatch.configs.select import Strategy, StrategyParameters
from barlowmatch.configs.shared import Checked, Events, Source
from barlowmatch.errors import InputError
from storage.people import Role
from storage.records import Purpose

Format = Literal["folders", "seed", "csv"]
BUDGET = Range(1, 1_000_000, "images")
Overlap = Annotated[int, Range(1, 20, "people"), Doc("How many people answer each image.")]
_NEW = tyro.conf.arg(help_behavior_hint="(default: a new one)")


def _new_uuid() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, kw_only=True)
class ProjectOptions(Checked):
    """Which project."""

    project: Annotated[Path, Doc("Folder of the project.")]


@dataclass(frozen=True, kw_only=True)
class InitConfig(Source, ProjectOptions):
    """Make a project of a folder of images or a manifest; the images are never written to.

    What is said of its folders and groups the project keeps.
    """

    control: Annotated[
        int,
        Range(0, 100_000, "images"),
        Doc("Size of the blind control sample where there is no validation split; at most a quarter of the images."),
    ] = 200
    events: Events = None

    def __post_init__(self) -> None:
        """Check ranges, and that one source of images is named."""
        super().__post_init__()
        if self.dataset_folder is None and self.manifest is None:
            raise InputError("init: name the images by --dataset-folder or --manifest, one of them")


@dataclass(frozen=True, kw_only=True)
class ImportConfig(ProjectOptions):
    """Bring in a request, predictions, labels, or what became of the files; any of them together."""

    request: Annotated[
        Path | None, Reads(need_table), Doc("CSV of rank, file, score, strategy, reason: images to ask about.")
    ] = None
    overlap: Overlap = 1
    purpose: Annotated[
        Purpose,
        Doc("`train`: to learn from; `control`: blind, kept for validation; `repeat`: images answered before, again."),
    ] = "train"
    embeddings: Annotated[
        Path | None, Reads(need_embeddings), Doc("Folder that `barlowmatch embed` wrote: guesses and similarity.")
    ] = None
    labels: Annotated[Path | None, Reads(need_table), Doc("CSV of file and label.")] = None
    person: Annotated[str, Doc("In whose name the labels are stored.")] = "dataset"
    add_classes: Annotated[bool, Doc("With --labels: make the classes that are not there; else they are refused.")] = (
        False
    )
    rescan: Annotated[bool, Doc("Take up new images, link moved ones by content, note what is gone.")] = False
    dataset_folder: Annotated[Path | None, Reads(need_images), Doc("With --rescan: where the images lie now.")] = None
    events: Events = None

    def __post_init__(self) -> None:
        """Check ranges, and that anything is to be done."""
        super().__post_init__()
        if not (self.request or self.embeddings or self.labels or self.rescan):
            raise InputError("import: name something by --request, --embeddings, --labels or --rescan")
        if self.dataset_folder is not None and not self.rescan:
            raise InputError("--dataset-folder: goes with --rescan")
        if self.add_classes and self.labels is None:
            raise InputError("--add-classes: goes with --labels")


@dataclass(frozen=True, kw_only=True)
class LabelsOptions(ProjectOptions):
    """Which labels, and where to tell of them."""

    source: Annotated[
        Path, Reads(need_labels), Doc("CSV of file and label, or a folder with a folder of pictures a class.")
    ]
    events: Events = None


@dataclass(frozen=True, kw_only=True)
class PreviewLabelsConfig(LabelsOptions):
    """Say what importing labels would store; nothing is stored."""


@dataclass(frozen=True, kw_only=True)
class StoreLabelsConfig(LabelsOptions):
    """Store labels in the name of the dataset, as one import that can be taken back."""

    uuid: Annotated[str, _NEW, Doc("UUID of the import; run again with the same one, it stores what is missing.")] = (
        field(default_factory=_new_uuid)
    )
    by: Annotated[str, Doc("Who imports them.")] = "the command line"
    add_classes: Annotated[bool, Doc("Make the classes that are not there; else their rows are left out.")] = False
    also_labeled: Annotated[
        bool, Doc("Store labels of images that have another answer too; people's answers then stand beside them.")
    ] = False

    def __post_init__(self) -> None:
        """Check ranges, and that the import's UUID is one: those of its labels come from it."""
        super().__post_init__()
        _check_uuid("--uuid", self.uuid)


@dataclass(frozen=True, kw_only=True)
class UndoLabelsConfig(ProjectOptions):
    """Take an import of labels back."""

    uuid: Annotated[str, Doc("UUID of the import.")]
    undo: Annotated[str, _NEW, Doc("UUID of taking it back.")] = field(default_factory=_new_uuid)
    events: Events = None

    def __post_init__(self) -> None:
        """Check ranges, and that both UUIDs are some."""
        super().__post_init__()
        _check_uuid("--uuid", self.uuid)
        _check_uuid("--undo", self.undo)


@dataclass(frozen=True, kw_only=True)
class ChooseConfig(ProjectOptions):
    """Choose images by a strategy and write them as a request for `import --request`; nobody is asked yet."""

    strategy: Strategy = "auto"
    parameters: StrategyParameters = ()
    budget: Annotated[int, BUDGET, Doc("Images to ask for, or as many as are left.")] = 100
    seed: Annotated[
        int | None, Range(0, 2**31 - 1), Doc("Random choices derive from it; default the number of requests so far.")
    ] = None
    to: Annotated[Path | None, Doc("CSV to write; default cache/request.csv in the project.")] = None
    events: Events = None


@dataclass(frozen=True, kw_only=True)
class ProbeConfig(ProjectOptions):
    """Learn while people label: fit a linear probe after every 20 answers; the server starts and ends this."""

    idle: Annotated[float, Range(1, 86_400, "seconds"), Doc("End when nobody has labeled for so long.")] = 180.0
    nice: Annotated[int, Range(0, 19), Doc("How far to stand back behind other processes.")] = 10


@dataclass(frozen=True, kw_only=True)
class PeopleConfig(ProjectOptions):
    """Say who may log in: add, list, password, role, remove; a password is asked for or read from a pipe."""

    action: Annotated[tyro.conf.Positional[Literal["add", "list", "password", "role", "remove"]], Doc("What to do.")]
    name: Annotated[tyro.conf.Positional[str | None], Doc("Whose name; none with list.")] = None
    role: Annotated[Role | None, Doc("What they may do; default annotator.")] = None
    password: Annotated[bool, Doc("With add: whether they log in by one; not where a proxy names them.")] = True


@dataclass(frozen=True, kw_only=True)
class BackupConfig(ProjectOptions):
    """Write a whole, checked copy of the database, while people go on labeling."""

    to: Annotated[Path | None, Doc("File of the copy; default backups/<time>.db in the project.")] = None


@dataclass(frozen=True, kw_only=True)
class VerifyConfig(ProjectOptions):
    """Check a project: its database, what is derived in it, and its files."""

    contents: Annotated[bool, Doc("Read every image and compare its content, not only whether it is there.")] = False


@dataclass(frozen=True, kw_only=True)
class StatsConfig(ProjectOptions):
    """Say how far a project has come."""

    json: Annotated[bool, Doc("Print one JSON object.")] = False


@dataclass(frozen=True, kw_only=True)
class ExportConfig(ProjectOptions):
    """Write the labeled images as a new dataset, at one label event, whole or not at all."""

    format: Annotated[
        Format, Doc("`folders`: class folders; `seed`: numbered with label tensors; `csv`: tables alone.")
    ]
    name: Annotated[str | None, Doc("Folder in exports/; default the format and the time.")] = None
    events: Events = None

    def __post_init__(self) -> None:
        """Check that the name is one."""
        super().__post_init__()
        if self.name is not None and (not self.name or self.name.startswith(".") or set(self.name) & set("/\\\0")):
            raise InputError(f"--name {self.name}: must be a plain name, such as digits-v1")


@dataclass(frozen=True, kw_only=True)
class LauncherConfig(ProjectOptions):
    """Say what runs are started with, or set it; where people log in, here alone."""

    words: Annotated[
        str | None,
        Doc("What to start Python with: torchrun --nproc-per-node 4, or srun python; an empty text for this Python."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class RoundConfig(ProjectOptions):
    """Run the round: learn from what is there, then choose images and ask for their labels."""

    minutes: Annotated[float, Range(0, 1e6, "min", open_low=True), Doc("Time for all of it.")] = 10.0
    strategy: Strategy = "auto"
    budget: Annotated[int, BUDGET, Doc("Images to ask for, those still open among them.")] = 100
    overlap: Overlap = 1
    run: Annotated[str | None, Doc("Folder in runs/ of a round to go on with; default a new one.")] = None


@dataclass(frozen=True, kw_only=True)
class LaunchConfig(ProjectOptions):
    """Do what was launched in a run folder, with the labels of this moment; the app starts runs by it."""

    run: Annotated[str, Doc("Name of the folder in runs/.")]


def _check_uuid(flag: str, text: str) -> None:
    """Refuse what is no UUID in the one spelling that the API knows; the UUID named as an example is a fresh one."""
    try:
        if str(uuid.UUID(text)) == text:
            return
    except ValueError:
        pass
    raise InputError(f"{flag} {text}: must be a UUID in small letters with hyphens, such as {uuid.uuid4()}")
