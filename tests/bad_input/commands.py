"""Command lines that bad input is put into, and what they must not change."""

from pathlib import Path

SMALL = ("--backbone", "resnet18_quarter", "--views", "digits", "--precision", "float32", "--num-epochs", "1")


def create(labels: str) -> str:
    return f"create-dataset --dataset-folder data --request request.csv --labels {labels} --out-path next"


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
