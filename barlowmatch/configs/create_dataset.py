"""Parameters of the command that writes the next round's dataset."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from barlowmatch.command_line.inputs import need_images, need_table
from barlowmatch.configs.fields import Reads
from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.errors import InputError

DEFAULT_FOLDER = Path("dataset")


@dataclass(frozen=True, kw_only=True)
class CreateDatasetConfig(DatasetOptions):
    """Write the next round's dataset: the training images with the newly labeled ones, and the pool without them."""

    dataset_path: Annotated[Path | None, Reads(need_images), Doc("The original name of --dataset-folder.")] = None
    label_request_path: Annotated[
        Path, Doc("Folder of the request and its labels, where --request and --labels do not name them.")
    ] = Path("label_request")
    request: Annotated[
        Path | None,
        Reads(need_table),
        Doc(
            "The request: a CSV with a column `file`, or the original list of names; default request.csv in "
            "--label-request-path, else the latest there."
        ),
    ] = None
    labels: Annotated[
        Path | None,
        Reads(need_table),
        Doc(
            "Its labels: a CSV of file and label, or the original label_<n>.pt; default labels.csv in "
            "--label-request-path, else the latest there."
        ),
    ] = None
    out_path: Annotated[
        Path | None,
        Doc("New folder for the dataset; default beside the old one: photos-round-1 of photos, then -2, and so on."),
    ] = None
    new_classes: Annotated[
        bool, Doc("Accept labels that name classes the dataset does not have yet; else they are taken for mistakes.")
    ] = False

    def __post_init__(self) -> None:
        """Check that one source is named at most once."""
        super().__post_init__()
        if self.dataset_path is not None and (self.dataset_folder is not None or self.manifest is not None):
            raise InputError("--dataset-path: it means --dataset-folder; give one of --dataset-folder and --manifest")

    @property
    def source(self) -> DatasetOptions:
        """The dataset to read."""
        folder = self.dataset_folder or self.dataset_path
        if folder is None and self.manifest is None:
            folder = DEFAULT_FOLDER
        return DatasetOptions(
            dataset_folder=folder,
            manifest=self.manifest,
            train_split=self.train_split,
            class_folders=self.class_folders,
            group_by=self.group_by,
            val_share=self.val_share,
        )
