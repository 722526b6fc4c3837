"""A folder of pictures as people have them: every format and mode, turned, animated, and broken in many ways."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Random = np.random.Generator
Maker = Callable[[Path, Random], None]

ORIENTATION = 0x0112
EVERY_BROKEN = 10
"""Each tenth picture of a zoo is broken."""


def photo(random: Random, mode: str = "RGB") -> Image.Image:
    """Return a picture with some structure, of random sides between 24 and 90 pixels."""
    width, height = (int(side) for side in random.integers(24, 91, 2))
    coarse = random.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def deep(random: Random) -> np.ndarray:
    """Return 12-bit intensities as a microscope's camera gives them, (height, width) uint16."""
    grey = np.asarray(photo(random, "L"), dtype=np.uint16)
    return grey * np.uint16(15) + np.uint16(100)


def bomb_png(width: int = 60_000, height: int = 60_000) -> bytes:
    """Return a PNG of some bytes whose header claims a picture of gigabytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def turned(path: Path, random: Random) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = int(random.integers(2, 9))
    photo(random).save(path, exif=exif)


def animated(path: Path, random: Random) -> None:
    frames = [photo(random).resize((40, 30)).quantize(16) for _ in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)


def see_through_palette(path: Path, random: Random) -> None:
    photo(random).quantize(16).save(path, transparency=0)


def cut(kind: str) -> Maker:
    def make(path: Path, random: Random) -> None:
        photo(random).resize((80, 80)).save(path, kind)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])

    return make


def saved(mode: str, **options: object) -> Maker:
    return lambda path, random: photo(random, mode).save(path, **options)


def written(content: bytes) -> Maker:
    return lambda path, random: path.write_bytes(content) and None


WHOLE: dict[str, tuple[str, Maker]] = {
    "jpeg": (".jpg", saved("RGB", quality=90)),
    "jpeg-progressive": (".jpeg", saved("RGB", progressive=True)),
    "jpeg-grey": (".jpg", saved("L")),
    "jpeg-cmyk": (".JPG", saved("CMYK")),
    "jpeg-turned": (".jpg", turned),
    "png": (".png", saved("RGB")),
    "png-alpha": (".png", saved("RGBA")),
    "png-grey": (".png", saved("L")),
    "png-grey-alpha": (".png", saved("LA")),
    "png-palette": (".png", saved("P")),
    "png-palette-see-through": (".png", see_through_palette),
    "png-bits": (".png", saved("1")),
    "png-16": (".png", lambda path, random: Image.fromarray(deep(random)).save(path)),
    "tiff": (".tif", saved("RGB", compression="tiff_lzw")),
    "tiff-cmyk": (".tiff", saved("CMYK")),
    "tiff-16": (".tif", lambda path, random: Image.fromarray(deep(random)).save(path)),
    "tiff-32": (".tif", lambda path, random: Image.fromarray(deep(random).astype(np.int32)).save(path)),
    "tiff-float": (".tif", lambda path, random: Image.fromarray(deep(random).astype(np.float32)).save(path)),
    "webp": (".webp", saved("RGB")),
    "webp-alpha": (".webp", saved("RGBA", lossless=True)),
    "bmp": (".bmp", saved("RGB")),
    "bmp-palette": (".bmp", saved("P")),
    "gif": (".gif", saved("P")),
    "gif-animated": (".gif", animated),
}
"""Readable kinds: suffix and how one is made."""

BROKEN: dict[str, tuple[str, Maker]] = {
    "truncated-jpeg": (".jpg", cut("JPEG")),
    "truncated-png": (".png", cut("PNG")),
    "truncated-tiff": (".tif", cut("TIFF")),
    "truncated-webp": (".webp", cut("WEBP")),
    "empty": (".png", written(b"")),
    "text": (".jpg", written(b"These are the notes of Monday.\n" * 20)),
    "json": (".png", written(json.dumps({"not": "a picture"}).encode())),
    "svg": (".png", written(b'<svg xmlns="http://www.w3.org/2000/svg"/>')),
    "heic": (".jpg", written(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")),
    "bomb": (".png", written(bomb_png())),
    "header-only": (".gif", written(b"GIF89a\x40\x00\x40\x00\x80\x00\x00")),
}
"""Unreadable kinds: suffix and how one is made."""

NAMES = ("{n}", "photo {n}", "Bild-ä{n}", "{n}.copy", "=cmd{n}", "50% of {n}", "a'b{n}")


def write_zoo(folder: Path, count: int, seed: int = 0) -> dict[str, str | None]:
    """Write `count` pictures of all kinds into `folder` and some folders in it.

    Args:
        folder: is made where it is not there.
        count: pictures; each tenth is broken.
        seed: the same seed gives the same pictures.

    Returns:
        For each file, as a relative POSIX path, the kind of its fault, or None where it is readable.
    """
    random = np.random.default_rng(seed)
    whole, broken = list(WHOLE.items()), list(BROKEN.items())
    zoo: dict[str, str | None] = {}
    for n in range(count):
        is_broken = n % EVERY_BROKEN == EVERY_BROKEN - 1
        kinds = broken if is_broken else whole
        kind, (suffix, make) = kinds[(n // EVERY_BROKEN if is_broken else n) % len(kinds)]
        place = ("", "2024-05/", "2024-06/evening/")[n % 3]
        file = f"{place}{NAMES[n % len(NAMES)].format(n=n)}{suffix}"
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        make(folder / file, random)
        zoo[file] = kind if is_broken else None
    return zoo
