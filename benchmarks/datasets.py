"""Real images for benchmarks and demonstrations, as files in the layouts people have."""

import gzip
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

DEFAULT_CIFAR10 = Path(__file__).parents[2] / "shared" / "data" / "cifar10.zip"


def cifar10_archive() -> Path:
    """Return the archive of CIFAR-10 as JPEG files, whose place `BARLOWMATCH_CIFAR10` names.

    Raises:
        SystemExit: it is not there.
    """
    path = Path(os.environ.get("BARLOWMATCH_CIFAR10", DEFAULT_CIFAR10))
    if not path.is_file():
        raise SystemExit(f"{path}: not there; set BARLOWMATCH_CIFAR10 to an archive of cifar10/<split>/<class>/*.jpg")
    return path


def write_cifar10(folder: Path, train: int, labeled: int, val: int, seed: int = 0) -> None:
    """Write a part of CIFAR-10 as class folders: `train/<class>/`, `val/<class>/` and `unlabeled/`.

    Args:
        folder: where to; must be new.
        train: images drawn from the training part, labeled or not.
        labeled: how many of them keep their label, the same number a class.
        val: labeled images drawn from the test part.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    with zipfile.ZipFile(cifar10_archive()) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        pool = _balanced([name for name in names if "/train/" in name], train, random)
        chosen = set(_balanced(pool, labeled, random))
        for name in pool:
            stem, label = Path(name).stem, Path(name).parent.name
            target = f"train/{label}/{stem}.jpg" if name in chosen else f"unlabeled/{label}-{stem}.jpg"
            _write(folder / target, archive.read(name))
        for name in _balanced([name for name in names if "/test/" in name], val, random):
            _write(folder / "val" / Path(name).parent.name / Path(name).name, archive.read(name))


def true_label(file: str) -> str:
    """Return the class of a file that `write_cifar10` or `write_digits` wrote, unlabeled ones included."""
    path = Path(file)
    return path.name.split("-")[0] if path.parent.name == "unlabeled" else path.parent.name


def write_digits(folder: Path, labeled: int, val: int, seed: int = 0) -> None:
    """Write scikit-learn's 1,797 handwritten digits (8×8, grey) as PNG files in class folders.

    Args:
        folder: where to; must be new.
        labeled: digits in `train/<digit>/`; the rest go to `unlabeled/`.
        val: digits in `val/<digit>/`.
        seed: of the draw, uniform over all digits.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.images))
    for place, row in enumerate(order):
        label, name = digits.target[row], f"{row:04d}.png"
        if place < val:
            target = folder / "val" / str(label) / name
        elif place < val + labeled:
            target = folder / "train" / str(label) / name
        else:
            target = folder / "unlabeled" / f"{label}-{name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[row] * (255 / 16)).astype(np.uint8)).save(target)


def _balanced(names: list[str], count: int, random: np.random.Generator) -> list[str]:
    """Draw `count` names, the same number from each class (up to one)."""
    by_class: dict[str, list[str]] = {}
    for name in names:
        by_class.setdefault(Path(name).parent.name, []).append(name)
    chosen: list[str] = []
    for place, label in enumerate(sorted(by_class)):
        share = count // len(by_class) + (place < count % len(by_class))
        members = by_class[label]
        chosen += [members[i] for i in random.choice(len(members), share, replace=False)]
    return sorted(chosen)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts it."""
FASHION_CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")


def write_fashion_mnist(folder: Path, train: int, labeled: int, val: int, seed: int = 0) -> None:
    """Write a part of Fashion-MNIST (28×28, grey) as PNG files in class folders.

    Args:
        folder: where to; must be new.
        train: images drawn uniformly from the training part.
        labeled: of these, those in `train/<class>/`; the rest go to `unlabeled/`.
        val: images drawn uniformly from the test part.
        seed: of the draw.

    Raises:
        SystemExit: the package is not installed.
    """
    random = np.random.default_rng(seed)
    for split, part, count in (("train", "train", train), ("val", "t10k", val)):
        images = _read_idx(FASHION_MNIST / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
        labels = _read_idx(FASHION_MNIST / f"{part}-labels-idx1-ubyte.gz", 8)
        for place, row in enumerate(random.choice(len(images), count, replace=False)):
            name, file = FASHION_CLASSES[labels[row]], f"{row:05d}.png"
            in_pool = split == "train" and place >= labeled
            target = folder / "unlabeled" / f"{name}-{file}" if in_pool else folder / split / name / file
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[row]).save(target)


def _read_idx(path: Path, header: int) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    if not path.is_file():
        raise SystemExit(f"{path}: not there; install the Debian package dataset-fashion-mnist")
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def write_cifar10_flat(folder: Path, count: int, size: int, seed: int = 0) -> None:
    """Write images of CIFAR-10 as JPEG files `<class>/<name>.jpg`, as they are at 32 px, else enlarged to `size`.

    Args:
        folder: where to; must be new.
        count: images drawn from the training part, the same number a class.
        size: side in px.
        seed: of the draw.
    """
    with zipfile.ZipFile(cifar10_archive()) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg") and "/train/" in name)
        for name in _balanced(names, count, np.random.default_rng(seed)):
            content = archive.read(name)
            if size != 32:
                with Image.open(BytesIO(content)) as image, BytesIO() as enlarged:
                    image.resize((size, size), Image.Resampling.BICUBIC).save(enlarged, "JPEG", quality=92)
                    content = enlarged.getvalue()
            _write(folder / Path(name).parent.name / Path(name).name, content)


@dataclass(frozen=True)
class Pictures:
    """Images whose classes are all known, to learn from and to judge by.

    Attributes:
        write_part: writes them into a new folder; takes `labeled` and `val`.
        count: how many there are to learn from.
        val: how many judge.
        flags: what suits them.
    """

    write_part: Callable[..., None]
    count: int
    val: int
    flags: tuple[str, ...] = ()

    def write(self, folder: Path, labeled: int | None = None) -> None:
        """Write them into a new folder, of those to learn from `labeled` ones with their label, or all."""
        self.write_part(folder, labeled=self.count if labeled is None else labeled, val=self.val)


PICTURES = {
    "cifar10": Pictures(partial(write_cifar10, train=10_000), count=10_000, val=5_000),
    "digits": Pictures(write_digits, count=1_097, val=700, flags=("--views", "digits")),
    "fashion-mnist": Pictures(partial(write_fashion_mnist, train=10_000), count=10_000, val=2_000),
}
