"""Parameters of the three stages that train: pretrain, train-classifier, fixmatch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from typing_extensions import Doc

from barlowmatch.command_line.inputs import need_checkpoint
from barlowmatch.configs.fields import FREE, Range, Reads, Since
from barlowmatch.configs.shared import USUAL_BATCH, USUAL_LABELED_BATCH, WIDE, RunOptions


def usual_projector(backbone: str | None) -> int:
    """Return the width of the projector where none is asked for: the paper's with the paper's network."""
    return 8192 if backbone == WIDE.values[1] else 2048


@dataclass(frozen=True, kw_only=True)
class PretrainConfig(RunOptions):
    """Learn from all images without labels (Barlow Twins)."""

    usual_batch: ClassVar[int] = USUAL_BATCH

    smallest_crop: Annotated[
        float | None,
        Range(0.01, 1),
        Since(None),
        Doc(
            "Smallest share of a picture's area that a view shows; default by --views: natural 0.08, microscope 0.2, "
            "digits 0.4. Take more where a small part does not tell what is to be seen: small things on an empty "
            "ground."
        ),
    ] = None
    projector_width: Annotated[
        int | None, Range(8, 65536), Doc("Width of the projector; default 2048, with wide_resnet50_2 the paper's 8192.")
    ] = None
    lambd: Annotated[float, Range(0, 10), Doc("Weight λ of the redundancy term (Barlow Twins, equation 1).")] = 5.1e-3
    loss_scale: Annotated[
        float,
        Range(0, 100, open_low=True),
        Doc("Factor on the whole loss; matters for biases, norms, and weights that `--trust-as clip` does not clip."),
    ] = 0.1
    optimizer: Annotated[
        Literal["lars", "muon"],
        Since("lars"),
        Doc(
            "`lars` is the paper's; `muon` learns more from few steps. A recipe's --trust is made for its own: about "
            "a tenth of muon's suits lars."
        ),
    ] = "lars"
    learning_rate: Annotated[
        float, Range(0, 100, open_low=True), Doc("Rate of the weights at batch 256; scaled by batch/256.")
    ] = 0.9
    learning_rate_biases: Annotated[
        float | None,
        Range(0, 100),
        Doc("Rate of biases and norms at batch 256; scaled by batch/256. Default: the weights'."),
    ] = None
    trust: Annotated[
        float,
        Range(0, 1, open_low=True),
        Doc("η: LARS' ratio is η·|w|/|g| for weights w with gradient g; a step of Muon is rate·η·|w| long."),
    ] = 0.02
    trust_as: Annotated[
        Literal["clip", "scale"],
        Doc(
            "What LARS does with the ratio: `clip` limits the rate to it (solo-learn), `scale` multiplies (the paper)."
        ),
    ] = "clip"
    final_rate: Annotated[float, Range(0, 1), Doc("Share of the learning rate that is left at the end.")] = 0.001
    warmup_epochs: Annotated[
        float, Range(0, 1000, "epochs"), Doc("Linear warm-up; never more than a tenth of the run.")
    ] = 5.0
    weight_decay: Annotated[
        float, Range(0, 1), Doc("LARS' weight decay of the weights; norms, biases and Muon have none.")
    ] = 1e-4


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions(RunOptions):
    """What the two stages with a classifier share."""

    usual_batch: ClassVar[int] = USUAL_LABELED_BATCH

    transfer_path: Annotated[
        Path | None,
        Reads(need_checkpoint, afresh=True),
        Doc("Checkpoint of the stage before, to start from: its averaged model, where it has one."),
    ] = None
    best_path: Annotated[Path | None, FREE, Doc("The best model; default best.pt in the run folder.")] = None
    fine_tune: Annotated[Literal[0, 1], Doc("0 freezes the backbone.")] = 1
    backbone: Annotated[str | None, WIDE, Doc("Network when there is no checkpoint to start from; as in pretrain.")] = (
        None
    )
    classifier_width: Annotated[
        int | None, Range(8, 65536), Doc("Width of the classifier; default by the number of classes, 512 to 8192.")
    ] = None
    dropout: Annotated[float, Range(0, 0.95), Doc("Share of the classifier's units left out in training.")] = 0.1
    weight_decay: Annotated[float, Range(0, 1), Doc("Weight decay of the weights; norms and biases have none.")] = 1e-3
    ema_decay: Annotated[
        float, Range(0, 1), Doc("Largest decay of the averaged model: min(decay, (1+k)/(10+k)) at step k.")
    ] = 0.999
    select_best_from: Annotated[
        int,
        Range(1, 10**9, "labels"),
        Doc("From so many validation labels on they pick the best model; with fewer the last average is kept."),
    ] = 1000


@dataclass(frozen=True, kw_only=True)
class ClassifyConfig(ClassifierOptions):
    """Train a classifier on the pretrained backbone with the labeled images (Adam, one cosine over the run)."""

    learning_rate_classifier: Annotated[float, Range(0, 10), Doc("Adam rate of the classifier.")] = 1e-2
    learning_rate_barlow: Annotated[float, Range(0, 10), Doc("Adam rate of the backbone.")] = 1e-5
    model_name: Annotated[
        Literal["barlow"], Doc("How the backbone was pretrained; the original code's name for it.")
    ] = "barlow"


@dataclass(frozen=True, kw_only=True)
class FixMatchConfig(ClassifierOptions):
    """Fine-tune with consistency and pseudo-labels on labeled and unlabeled images (FixMatch)."""

    num_steps: Annotated[
        int | None, Range(1, 10**7, "steps"), Doc("Steps an epoch; default one pass over the unlabeled images.")
    ] = None
    mu: Annotated[int, Range(1, 64), Doc("Unlabeled images per labeled one in a batch.")] = 7
    threshold: Annotated[float, Range(0, 1), Doc("Confidence from which on a guess counts as a label.")] = 0.95
    lambd: Annotated[float, Range(0, 100), Doc("Weight of the unlabeled loss.")] = 1.0
    temperature: Annotated[float, Range(0, 10, open_low=True), Doc("Softmax temperature of the pseudo-labels.")] = 1.0
    pseudo_label: Annotated[
        Literal["fixed", "softmatch", "freematch"],
        Doc("How a guess is weighed: FixMatch's threshold, or its successors SoftMatch and FreeMatch."),
    ] = "fixed"
    learning_rate: Annotated[float, Range(0, 10, open_low=True), Doc("SGD rate, η·cos(7πk/16K).")] = 0.003
    start_share: Annotated[
        float,
        Range(0, 0.9),
        Since(0.0),
        Doc(
            "Share of the classifier it begins with, where that knows all classes, in the averaged model (WiSE-FT); "
            "0 = FixMatch's average."
        ),
    ] = 0.0
    momentum: Annotated[float, Range(0, 1), Doc("Nesterov momentum.")] = 0.9
