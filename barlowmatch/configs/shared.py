"""Parameters that several commands share: which images, how they become pixels, where and how a run runs."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import Doc

from barlowmatch.command_line.inputs import need_images, need_table, need_weights
from barlowmatch.configs.fields import FREE, Range, Reads, Short, Since, check
from barlowmatch.errors import InputError

Fit = Literal["auto", "pad", "crop", "squash"]
Cache = Literal["auto", "raw", "jpeg", "none"]
ClassFolders = Literal[0, 1] | None
"""1 = folders are classes, 0 = they are none, None = by what they look like."""
Preset = Literal["paper", "small-images", "laptop", "quick"]
Views = Literal["natural", "microscope", "digits"]
WIDE = Short(
    "wide", {0: "resnet18", 1: "wide_resnet50_2"}, "1 = Wide-ResNet-50-2, 0 = ResNet-18; a short form of --backbone."
)
Events = Annotated[Path | None, Doc("Append progress to this file, as JSON lines.")]
USUAL_BATCH, USUAL_LABELED_BATCH = 256, 64
"""Images in a batch where none is asked for; the second in stages that learn from labels."""
LARGEST_SIZE = 224
"""The side in pixels that backbones are made for; larger ones are only taken where they are named."""
LARGEST_NAMED_SIZE = 1024


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A config whose numbers are checked against their ranges when it is made."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class Source(Checked):
    """Which images, and what their folders say."""

    dataset_folder: Annotated[
        Path | None,
        Reads(need_images),
        FREE,
        Doc("Folder of images, in any layout the README lists; or give --manifest."),
    ] = None
    manifest: Annotated[
        Path | None,
        Reads(need_table),
        FREE,
        Doc("CSV of file, split, label, group, instead of --dataset-folder; only file is required."),
    ] = None
    class_folders: Annotated[
        ClassFolders,
        FREE,
        Doc(
            "1 = folders name the classes of the images in them; 0 = folders are days, cameras or photographers and "
            "give no labels; default by what they look like. Labels in tables and tensors count in any case."
        ),
    ] = None
    group_by: Annotated[
        str | None,
        Doc(
            "What belongs together (plate, animal, product): `folder`, a column's name, or a regular expression "
            "whose first group is taken from the file name. No group crosses splits."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Check ranges, and that exactly one source of images is named where any is."""
        super().__post_init__()
        if self.dataset_folder is not None and self.manifest is not None:
            raise InputError("--dataset-folder and --manifest: give one of them, not both")


@dataclass(frozen=True, kw_only=True)
class DatasetOptions(Source):
    """The images, and which of them are for what."""

    train_split: Annotated[str | None, Doc("Split that holds the labeled images; default train_new, else train.")] = (
        None
    )
    val_share: Annotated[
        float | None,
        Range(0, 0.9),
        Doc(
            "Share of the labeled images held out for validation where the dataset has no such split; 0: none. "
            "Default 0.2, but none of fewer labels than 50, or than five times as many as classes. "
            "create-dataset holds out this share of the new labels where the split is such a sample."
        ),
    ] = None
    strict: Annotated[bool, FREE, Doc("Stop at the first unreadable image instead of leaving it out.")] = False


@dataclass(frozen=True, kw_only=True)
class ImageOptions(DatasetOptions):
    """How images become pixels."""

    image_size: Annotated[
        int | None,
        Range(8, LARGEST_NAMED_SIZE, "px"),
        Doc("Side the images are brought to; default from the images (16 to 224)."),
    ] = None
    fit: Annotated[
        Fit,
        Doc(
            "How a picture becomes square: `pad` keeps all of it, `crop` cuts the longer side, `squash` bends it. "
            "`auto` pads when the pictures' shapes vary and squashes when all have one."
        ),
    ] = "auto"
    cache_folder: Annotated[
        Path | None, FREE, Doc("Where decoded images are kept; default the user's cache folder.")
    ] = None
    cache: Annotated[
        Cache,
        Doc(
            "What is kept of decoded images: `raw` pixels, `jpeg` files of the squares (about a sixth of the disk, "
            "decoded anew in each pass), `none`. `auto` takes raw where the disk has room, else jpeg, else none."
        ),
    ] = "auto"
    workers: Annotated[int | None, Range(1, 256), FREE, Doc("Processes that decode images; default one per core.")] = (
        None
    )

    @property
    def largest_size(self) -> int:
        """The largest side in pixels that is chosen where `image_size` names none."""
        return LARGEST_SIZE


@dataclass(frozen=True, kw_only=True)
class ComputeOptions(ImageOptions):
    """On what and how exactly to compute."""

    device: Annotated[str, FREE, Doc("What to compute on: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.")] = "auto"
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "float64"],
        Doc(
            "Arithmetic of the network; `auto` takes bfloat16 where there are units for it or a short timing shows it "
            "is faster, else float32, on a CPU with convolutions by Winograd's algorithm."
        ),
    ] = "auto"
    threads: Annotated[int | None, Range(1, 1024), FREE, Doc("CPU threads; default all cores.")] = None
    batch_size: Annotated[
        int | None,
        Range(2, 65536, "images"),
        Doc(
            f"Images in a batch, over all processes; default at most {USUAL_BATCH}, in train-classifier and fixmatch "
            f"{USUAL_LABELED_BATCH}."
        ),
    ] = None
    backbone: Annotated[
        str | None,
        WIDE,
        Doc(
            "Network: resnet18 (the default), resnet18_half, resnet18_quarter, wide_resnet50_2, or any of torchvision "
            "or timm; a checkpoint brings its own."
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class RunOptions(ComputeOptions):
    """Where a training run lives, how long it takes and what it starts from."""

    preset: Annotated[Preset | None, FREE, Since(None), Doc("Recipe that sets the defaults; see above.")] = None
    checkpoint_path: Annotated[
        Path | None, FREE, Doc("File the latest state of the model is written to; default last.pt in the run folder.")
    ] = None
    run_dir: Annotated[
        Path | None,
        FREE,
        Doc("Folder of the run; default beside the checkpoint path, else runs/<stage>-<time>-<random>."),
    ] = None
    resume: Annotated[
        Literal["never", "auto"],
        FREE,
        Doc("`auto` goes on from the checkpoint of the run where there is one; `never` starts afresh."),
    ] = "never"
    train_from_start: Annotated[
        Literal[0, 1] | None,
        FREE,
        Doc("1 = from scratch (an existing checkpoint is kept as .bak, .bak2, …), 0 = resume."),
    ] = None
    weights: Annotated[
        Path | None,
        Reads(need_weights, afresh=True),
        Doc("Weights to start from: safetensors or a plain state dict with torchvision, timm or DINOv2 names."),
    ] = None
    max_image_size: Annotated[
        int,
        Range(16, LARGEST_SIZE, "px"),
        Doc("Largest side chosen where --image-size names none and no --weights: a step's time grows with its square."),
    ] = LARGEST_SIZE
    num_epochs: Annotated[int, Range(1, 100_000, "epochs"), Doc("Passes over the data.")] = 100
    least_steps: Annotated[
        int,
        Range(0, 10**7, "steps"),
        Since(0),
        Doc(
            "Few images are passed over more often than --num-epochs says, until so many steps are made; 0: they are "
            "not. A recipe sets it, for lines that name neither --num-epochs nor --num-steps."
        ),
    ] = 0
    minutes: Annotated[
        float | None,
        Range(0, 1e6, "min", open_low=True),
        FREE,
        Doc(
            "Time for the whole command; the number of steps is set from timed ones so that the schedule ends in time."
        ),
    ] = None
    activation_memory: Annotated[
        Literal["auto", "keep", "recompute"],
        FREE,
        Doc(
            "Activations of a step: `keep` them, or `recompute` them, a third more work for a fraction of the memory "
            "and the same numbers; `auto` recomputes where they would not fit."
        ),
    ] = "auto"
    checkpoint_minutes: Annotated[
        float, Range(0, 1e4, "min", open_low=True), FREE, Doc("Time between checkpoints within an epoch.")
    ] = 10.0
    seed: Annotated[int, Range(0, 2**31 - 1), Doc("Every random choice derives from it.")] = 0
    views: Annotated[
        Views,
        Doc(
            "What leaves a picture's class alone: `natural` photos, `microscope` (quarter turns, no hue, no solarize), "
            "`digits` (no flips)."
        ),
    ] = "natural"
    flip_x: Annotated[
        Literal[0, 1] | None, Doc("Whether a picture mirrored left to right is of the same class; default by --views.")
    ] = None
    half_turns: Annotated[
        Literal[0, 1] | None,
        Doc("Whether a picture upside down is of the same class; default by --views, 1 with --quarter-turns 1."),
    ] = None
    quarter_turns: Annotated[
        Literal[0, 1] | None,
        Doc(
            "Whether a picture turned by 90° is of the same class, and so one turned upside down, by two such turns; "
            "default by --views, 0 with --half-turns 0."
        ),
    ] = None
    recolor: Annotated[
        Literal[0, 1] | None,
        Doc(
            "Whether a picture in other colors is of the same class; default by --views. 1 changes all that `natural` "
            "changes in color: hue, saturation, to grey, solarize, posterize, equalize; 0 none of it."
        ),
    ] = None
    tensorboard: Annotated[bool, FREE, Doc("Write TensorBoard logs too (needs the tensorboard package).")] = False

    def __post_init__(self) -> None:
        """Check ranges, and that what is said of turns agrees: two quarter turns are a half turn."""
        super().__post_init__()
        if self.half_turns == 0 and self.quarter_turns == 1:
            raise InputError(
                "--half-turns 0 and --quarter-turns 1: two quarter turns turn a picture upside down; leave one out"
            )

    def passes(self, an_epoch: int) -> int:
        """Return how often the data is passed over where no time is given.

        Args:
            an_epoch: steps that one pass takes.
        """
        return max(self.num_epochs, math.ceil(self.least_steps / an_epoch))

    @property
    def wants_resume(self) -> bool:
        """Whether the run is asked to go on from an earlier one's checkpoint.

        `--train-from-start 1` wins over `--resume auto`: it is what those are told to add whose run cannot be resumed.
        """
        return self.train_from_start != 1 and (self.resume == "auto" or self.train_from_start == 0)

    @property
    def largest_size(self) -> int:
        """As wished; weights that were trained elsewhere are taken at the size they were made for."""
        return LARGEST_SIZE if self.weights is not None else self.max_image_size
