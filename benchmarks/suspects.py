"""Wrong labels found: some are made wrong on purpose, learned from, and looked for, beside cleanlab.

cleanlab is given what ours judges by: the probabilities of probes that have not seen the label. The third side is the
network itself, which has learned the wrong labels: what it thinks of them now.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from barlowmatch.arrays import Floats, Labels
from barlowmatch.data.tables import write_table
from barlowmatch.embeddings.folder import Embeddings, read_embeddings
from barlowmatch.guessing.suspects import find_suspects, out_of_sample
from benchmarks.datasets import write_cifar10_flat, write_fashion_mnist
from benchmarks.measuring import FIXED, LARS, barlowmatch, table

STAGES = ("pretrained", "fixmatch")


def run(arguments: list[str]) -> dict[str, Any]:
    """Train on labels of which some are wrong, look for those, and return how well they are found, by embeddings."""
    parser = argparse.ArgumentParser(prog="benchmarks suspects", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", choices=["cifar10", "fashion-mnist"], default="fashion-mnist")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--wrong", type=float, default=0.08, help="share of the labels that is made wrong")
    parser.add_argument("--minutes", type=float, default=4, help="of pretraining; FixMatch has three quarters of that")
    parser.add_argument("--home", type=Path, default=None, help="keep everything in this folder")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        home = options.home or Path(temporary)
        write_labels(home, options.data, options.images, options.labels, options.wrong)
        train(home, options.minutes)
        figures = {stage: judge(read_embeddings(home / stage)) for stage in STAGES}
    header = (
        "embeddings of",
        "wrong",
        "ours: shown",
        "wrong of them",
        "cleanlab: shown",
        "wrong of them",
        "AP ours",
        "AP cleanlab",
    )
    names = (
        "wrong",
        "shown",
        "found",
        "cleanlab_shown",
        "cleanlab_found",
        "average_precision",
        "cleanlab_average_precision",
    )
    print(table(header, [(stage, *(str(figures[stage][name]) for name in names)) for stage in STAGES]))
    return figures


def write_labels(home: Path, data: str, images: int, labels: int, share: float) -> None:
    """Write images in folders by their true class, and a manifest with labels of which a share is wrong."""
    if data == "cifar10":
        write_cifar10_flat(home / "images", images, 32)
    else:
        write_fashion_mnist(home / "images", train=images, labeled=images, val=0)
    draw = np.random.default_rng(0)
    files = sorted(path.relative_to(home) for path in (home / "images").rglob("*.*"))
    names = sorted({file.parent.name for file in files})
    labeled = draw.permutation(len(files))[:labels].tolist()
    wrong = set(labeled[: round(share * labels)])
    given = dict.fromkeys(range(len(files)), "")
    for place in labeled:
        turn = int(draw.integers(1, len(names))) if place in wrong else 0
        given[place] = names[(names.index(files[place].parent.name) + turn) % len(names)]
    rows = [(str(file), "train" if given[place] else "unlabeled", given[place]) for place, file in enumerate(files)]
    write_table(home / "manifest.csv", ("file", "split", "label"), rows)


def train(home: Path, minutes: float) -> None:
    """Pretrain, train on the labels, and write the embeddings of both networks."""
    common = ("--manifest", str(home / "manifest.csv"), "--preset", "quick", "--val-share", "0")
    pretrained, classifier, fixmatch = (str(home / f"{name}.pt") for name in ("pretrained", "classifier", "fixmatch"))
    barlowmatch("pretrain", *common, *LARS, "--minutes", str(minutes), "--checkpoint-path", pretrained)
    barlowmatch("train-classifier", *common, "--transfer-path", pretrained, "--checkpoint-path", classifier)
    barlowmatch(
        "fixmatch", *common, *FIXED, "--minutes", str(0.75 * minutes), "--transfer-path", classifier,
        "--checkpoint-path", fixmatch,
    )  # fmt: skip
    for stage, checkpoint in zip(STAGES, (pretrained, fixmatch), strict=True):
        barlowmatch("embed", *common[:2], "--checkpoint-path", checkpoint, "--out-path", str(home / stage))


def judge(embeddings: Embeddings) -> dict[str, float]:
    """Return how many labels each side shows, how many of those are wrong, and how well wrong ones come first."""
    from cleanlab.filter import find_label_issues
    from sklearn.metrics import average_precision_score

    rows = np.flatnonzero(embeddings.labels >= 0)
    labels = embeddings.labels[rows]
    names = [item.name for item in embeddings.classes]
    truth = [Path(embeddings.table.files[row]).parent.name for row in rows.tolist()]
    wrong = np.array([names[label] != true for label, true in zip(labels.tolist(), truth, strict=True)])
    vectors = embeddings.vectors.take(rows).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = find_suspects(vectors, labels)
    thought = out_of_sample(vectors, labels, 0)
    theirs = find_label_issues(labels, thought, return_indices_ranked_by="self_confidence", n_jobs=1)
    named = [names[other] == truth[place] for place, other in zip(found.places, found.suggested, strict=True)]

    def precision(doubts: Floats) -> float:
        return round(float(average_precision_score(wrong, doubts)), 3)

    figures: dict[str, float] = {
        "labels": len(rows), "wrong": int(wrong.sum()),
        "shown": len(found), "found": int(wrong[found.places].sum()), "named_rightly": int(np.sum(named)),
        "cleanlab_shown": len(theirs), "cleanlab_found": int(wrong[theirs].sum()),
        "average_precision": precision(_odds(thought, labels)),
        "cleanlab_average_precision": precision(-_own(thought, labels)),
    }  # fmt: skip
    if embeddings.probabilities is not None:
        learned = embeddings.probabilities.take(rows).astype(np.float32)
        figures["network_average_precision"] = precision(-_own(learned, labels))
    return figures


def _own(probabilities: Floats, labels: Labels) -> Floats:
    own: Floats = probabilities[np.arange(len(labels)), labels]
    return own


def _odds(probabilities: Floats, labels: Labels) -> Floats:
    odds: Floats = probabilities.max(1) / np.maximum(_own(probabilities, labels), 1e-30)
    return odds
