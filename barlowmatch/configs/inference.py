"""Parameters of the commands that apply a trained network: embed, predict, evaluate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import Doc

from barlowmatch.command_line.inputs import need_checkpoint
from barlowmatch.configs.fields import Range, Reads
from barlowmatch.configs.shared import ComputeOptions


@dataclass(frozen=True, kw_only=True)
class InferenceOptions(ComputeOptions):
    """What they share: the network."""

    checkpoint_path: Annotated[
        Path, Reads(need_checkpoint), Doc("Checkpoint of any stage; its averaged model is used where it has one.")
    ] = Path("checkpoint.pt")


@dataclass(frozen=True, kw_only=True)
class EmbedConfig(InferenceOptions):
    """Write numbers by which images are compared (embeddings), and class probabilities where there is a classifier."""

    out_path: Annotated[Path, Doc("Folder for the embeddings; an older one there is replaced.")] = Path(
        "representations"
    )
    number_format: Annotated[Literal["float16", "float32"], Doc("How embeddings are stored.")] = "float16"


@dataclass(frozen=True, kw_only=True)
class PredictConfig(InferenceOptions):
    """Write the class of each image and its probability as CSV."""

    out_path: Annotated[Path, Doc("CSV file of file, class, probability and the probability of each class.")] = Path(
        "predictions.csv"
    )


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(InferenceOptions):
    """Measure a checkpoint on labeled images it was not trained on."""

    split: Annotated[str, Doc("Split to measure on: `val`, `test` or `train`.")] = "val"
    knn: Annotated[int, Range(1, 10_000), Doc("Neighbours of the kNN accuracy.")] = 20
    json: Annotated[bool, Doc("Print the figures as one JSON object.")] = False
