"""Recipes: named functions that return a whole config.

`paper` is the method's own recipe for 96 px images and 800 classes; `small-images` the one that works at 32 px;
`laptop` narrows the heads; `quick` takes a thin backbone too, for a result in minutes on a CPU. Both take large
pictures smaller: a CPU sees more of them in the time there is. A batch is named only where it is not the stage's usual
one, which gives way where there are fewer images. Passes over few images are few steps: all but `paper` pass
over them more often (`least_steps`). Whoever writes other `num_epochs` into a recipe sets `least_steps` to 0.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from barlowmatch.configs.training import ClassifyConfig, FixMatchConfig, PretrainConfig

Config = TypeVar("Config")

_PRETRAIN_STEPS, _CLASSIFY_STEPS, _FIXMATCH_STEPS = 200, 150, 150
"""Of few images: twenty passes over a hundred are twenty steps, of which next to nothing is learned."""
_LAPTOP_SIZE = 128
_QUICK_SIZE = 96


def pretrain_paper() -> PretrainConfig:
    """Return the paper's recipe: Wide-ResNet-50-2, projector 8192, learning rate 0.05 to 0.002."""
    return PretrainConfig(
        preset="paper", backbone="wide_resnet50_2", projector_width=8192, num_epochs=400, batch_size=512,
        learning_rate=0.05, learning_rate_biases=0.0012, trust=1e-3, trust_as="scale", final_rate=0.04, loss_scale=1.0,
        weight_decay=1.5e-5,
    )  # fmt: skip


def pretrain_small_images() -> PretrainConfig:
    """Return solo-learn's recipe for 32 px images: projector 2048, λ 5.1e-3, loss × 0.1, LARS that clips.

    But for its rate: 0.3 is for 1,000 epochs, and runs of some tens of epochs learned more by three times as much.
    """
    return PretrainConfig(
        preset="small-images", backbone="resnet18", projector_width=2048, num_epochs=200, least_steps=_PRETRAIN_STEPS
    )


def pretrain_quick() -> PretrainConfig:
    """Return a recipe for minutes on two cores: a ResNet-18 of a quarter of the width and a narrow projector.

    So few steps need good ones: Muon moves each weight by two hundredths of its norm, in all directions alike.
    """
    return PretrainConfig(
        preset="quick", backbone="resnet18_quarter", projector_width=512, num_epochs=20, least_steps=_PRETRAIN_STEPS,
        warmup_epochs=1.0, optimizer="muon", learning_rate=2.0, learning_rate_biases=0.05, trust=0.01,
        max_image_size=_QUICK_SIZE,
    )  # fmt: skip


def pretrain_laptop() -> PretrainConfig:
    """Return a recipe with a narrow projector and the rates of `quick`, for a machine without a GPU."""
    return replace(
        pretrain_quick(), preset="laptop", backbone="resnet18", projector_width=1024, num_epochs=50,
        max_image_size=_LAPTOP_SIZE,
    )  # fmt: skip


def classify_paper() -> ClassifyConfig:
    """Return the paper's recipe: classifier 8192 wide, rates 1e-2 and 1e-5."""
    return ClassifyConfig(preset="paper", classifier_width=8192, num_epochs=160, batch_size=32)


def classify_small_images() -> ClassifyConfig:
    """Return a recipe for 32 px images: a faster backbone, a narrower classifier."""
    return ClassifyConfig(
        preset="small-images", num_epochs=100, least_steps=_CLASSIFY_STEPS, learning_rate_classifier=1e-3,
        learning_rate_barlow=1e-4,
    )  # fmt: skip


def classify_laptop() -> ClassifyConfig:
    """Return a recipe with a narrow classifier."""
    return ClassifyConfig(
        preset="laptop", classifier_width=512, num_epochs=50, least_steps=_CLASSIFY_STEPS,
        learning_rate_classifier=1e-3, learning_rate_barlow=1e-4, max_image_size=_LAPTOP_SIZE,
    )  # fmt: skip


def classify_quick() -> ClassifyConfig:
    """Return a recipe for a minute or two on two cores."""
    return ClassifyConfig(
        preset="quick", classifier_width=256, num_epochs=40, least_steps=_CLASSIFY_STEPS, learning_rate_classifier=1e-3,
        learning_rate_barlow=3e-4,
        max_image_size=_QUICK_SIZE,
    )  # fmt: skip


def fixmatch_paper() -> FixMatchConfig:
    """Return the paper's recipe: learning rate 1e-5, threshold 0.9, 400 epochs of 200 steps."""
    return FixMatchConfig(
        preset="paper", classifier_width=8192, num_epochs=400, num_steps=200, learning_rate=1e-5, threshold=0.9
    )


def fixmatch_small_images() -> FixMatchConfig:
    """Return a recipe for 32 px images."""
    return FixMatchConfig(preset="small-images", num_epochs=100, least_steps=_FIXMATCH_STEPS, learning_rate=0.01)


def fixmatch_laptop() -> FixMatchConfig:
    """Return a recipe for a machine without a GPU: smaller unlabeled batches, the rules of `quick`."""
    return replace(fixmatch_quick(), preset="laptop", num_epochs=10, max_image_size=_LAPTOP_SIZE)


def fixmatch_quick() -> FixMatchConfig:
    """Return a recipe for minutes on two cores.

    A network of so few labels is rarely sure: by the fixed threshold one guess in ten counted, and so few steps at a
    tenth of FixMatch's rate left the classifier what it was. FreeMatch's thresholds are as high as the network is sure.
    """
    return FixMatchConfig(
        preset="quick", num_epochs=3, least_steps=_FIXMATCH_STEPS, batch_size=32, mu=4, learning_rate=0.03,
        pseudo_label="freematch", max_image_size=_QUICK_SIZE,
    )  # fmt: skip


def as_said(recipe: Config, words: Iterable[str]) -> Config:
    """Return a recipe for a line of such words: who says how long an epoch is, or how many there are, gets no more.

    Args:
        recipe: config of any command.
        words: of the command line, or flags alone.
    """
    flags = {word.partition("=")[0].replace("_", "-") for word in words}
    if not flags & {"--num-epochs", "--num-steps"} or not hasattr(recipe, "least_steps"):
        return recipe
    changed: Config = replace(recipe, least_steps=0)  # type: ignore[type-var]
    return changed


PRESET_WORDS = {
    "quick": "A result in minutes on any machine: a thin network.",
    "laptop": "A full network with narrow heads, for a machine without a GPU and an hour or more.",
    "small-images": "The recipe for small images, on a GPU.",
    "paper": "The method's own recipe for 96 px images and hundreds of classes; days on a GPU.",
}
"""What each recipe is for."""

PRESETS: dict[type, dict[str, Callable[[], Any]]] = {
    PretrainConfig: {
        "paper": pretrain_paper, "small-images": pretrain_small_images, "laptop": pretrain_laptop,
        "quick": pretrain_quick,
    },
    ClassifyConfig: {
        "paper": classify_paper, "small-images": classify_small_images, "laptop": classify_laptop,
        "quick": classify_quick,
    },
    FixMatchConfig: {
        "paper": fixmatch_paper, "small-images": fixmatch_small_images, "laptop": fixmatch_laptop,
        "quick": fixmatch_quick,
    },
}  # fmt: skip
