"""Command lines that bad input is put into."""

SMALL = ("--backbone", "resnet18_quarter", "--views", "digits", "--precision", "float32", "--num-epochs", "1")


def create(labels: str) -> str:
    return f"create-dataset --dataset-folder data --request request.csv --labels {labels} --out-path next"
