"""Reading one picture that may be anything: damaged, enormous, of any mode, or no picture at all.

Every picture becomes 8-bit RGB: the first frame, turned as its EXIF orientation says, transparency laid on white,
palettes and CMYK converted by Pillow (colour profiles are not applied). Grey pictures with more than 8 bits (16-bit
PNG and TIFF, 32-bit integers, floats) are brought to 8 bits by one intensity range that the caller gives for the
whole dataset: a range per picture would erase the very differences that tell a bright cell from a dim one. (Colour
pictures of 16 bits a channel reach us from Pillow with their upper 8 bits.)
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""The formats that are opened; all other loaders of Pillow stay off."""
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .tif .tiff .gif".split()  # noqa: SIM905 - one line reads better
)
"""How the names of such files end, in lower case."""
LARGEST_PIXELS = 200_000_000
"""The largest picture decoded: what the largest cameras take, 600 MB in memory. A header may claim far more."""

Range = tuple[float, float]

_WHITE = (255, 255, 255, 255)
_IMAGE_WIDTH, _IMAGE_LENGTH, _ORIENTATION = 0x0100, 0x0101, 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MAGIC = {b"ftyp": "HEIC or AVIF", b"<svg": "SVG", b"8BPS": "Photoshop", b"%PDF": "PDF", b"<htm": "HTML"}

Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)


class Unreadable(Exception):  # noqa: N818 - a finding about a file, not a fault of the program
    """A picture that cannot be used; the message is the reason, in a few words."""


class Unreachable(Unreadable):
    """A picture that cannot be read now, and perhaps can another time: nothing was learned about its content."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself: format and mode as Pillow names them, sides in pixels after turning."""

    format: str
    mode: str
    width: int
    height: int

    @property
    def is_deep(self) -> bool:
        """Whether it is grey with more than 8 bits and needs the dataset's intensity range."""
        return is_deep(self.mode)


def is_deep(mode: str) -> bool:
    """Say whether pictures of this mode are grey with more than 8 bits."""
    return mode in {"I", "F"} or mode.startswith("I;16")


def read_header(source: Path | bytes) -> Header:
    """Read format, mode and size without decoding.

    Raises:
        Unreadable: no picture of a format that is read, or too large.
    """
    with _open(source) as image:
        width, height = image.size
        if _orientation(image) >= 5 and not _is_turned(image):
            width, height = height, width
        return Header(image.format or "", image.mode, width, height)


def count_pages(content: bytes) -> int:
    """Return how many pictures a TIFF holds, of which the first is read; 1 of any other file.

    Raises:
        Unreadable: no picture of a format that is read, or too large.
    """
    with _open(content) as image:
        try:
            return int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1
        except Exception:  # what comes after a whole first page may be damaged
            return 1


def read_image(
    source: Path | bytes, *, sixteen_bit_range: Range | None = None, at_least: int | None = None
) -> Image.Image:
    """Decode a picture to 8-bit RGB.

    Args:
        source: a file, or the content of one.
        sixteen_bit_range: intensities that become 0 and 255 in grey pictures of more than 8 bits, one range for the
            whole dataset; None: all 16 bits, and 0 to 1 for floats.
        at_least: the picture will be shrunk to this side, so a JPEG may be decoded at 1/2, 1/4 or 1/8 as long as
            its sides stay twice as long: several times as fast, and the antialiased resize still sees finer pixels.

    Raises:
        Unreadable: with the reason.
    """
    # Given a path, Pillow maps uncompressed files into memory, and scrambles those that are to be turned.
    with _open(source if isinstance(source, bytes) else read_file(source)) as image:
        if at_least is not None and image.format in {"JPEG", "MPO"}:
            image.draft(None, (2 * at_least, 2 * at_least))
        try:
            image.load()
            rgb = _to_rgb(image, sixteen_bit_range)
            turn = _TURNS.get(_orientation(image))
        except Exception as error:  # decoders fail in every way there is
            raise _finding(error) from error
    return rgb if turn is None else rgb.transpose(turn)


def read_deep(content: bytes) -> npt.NDArray[np.float32]:
    """Return the intensities of a grey picture with more than 8 bits, as they are, (height, width).

    Raises:
        Unreadable: with the reason.
    """
    with _open(content) as image:
        if not is_deep(image.mode):
            raise Unreadable(f"mode {image.mode} has 8 bits")
        try:
            return np.asarray(image, dtype=np.float32)
        except Exception as error:
            raise _finding(error) from error


def read_file(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        Unreachable: the system does not give it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreachable(error) from error


def joint_range(extents: Sequence[Range]) -> Range:
    """Return one intensity range for pictures of which each needs its own.

    It spans what 98 % of them need, rounded outwards to 1/32 of the span, so that a few pictures more change nothing.
    """
    if not extents:
        return 0.0, 65535.0
    low = float(np.quantile([extent[0] for extent in extents], 0.01, method="lower"))
    high = float(np.quantile([extent[1] for extent in extents], 0.99, method="higher"))
    grid = 2.0 ** np.floor(np.log2(max(high - low, 1e-6) / 32))
    return float(np.floor(low / grid) * grid), float(np.ceil(high / grid) * grid)


def _open(source: Path | bytes) -> Image.Image:
    """Open a picture and check its size; nothing is decoded yet."""
    try:
        image = Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except Exception as error:
        raise _no_picture(source, error) from error
    width, height = image.size
    if width * height > LARGEST_PIXELS:
        image.close()
        raise Unreadable(_too_large())
    return image


def _to_rgb(image: Image.Image, sixteen_bit_range: Range | None) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if is_deep(image.mode):
        return _scale(image, sixteen_bit_range).convert("RGB")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, _WHITE), rgba).convert("RGB")
    return image.convert("RGB")


def _scale(image: Image.Image, sixteen_bit_range: Range | None) -> Image.Image:
    low, high = sixteen_bit_range or ((0.0, 1.0) if image.mode == "F" else (0.0, 65535.0))
    values = np.asarray(image, dtype=np.float32)
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (255.0 / max(high - low, 1e-12))
    return Image.fromarray(np.rint(np.clip(scaled, 0, 255)).astype(np.uint8))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none; never decodes, never fails."""
    try:
        if image.format == "TIFF":
            return int(image.tag_v2.get(_ORIENTATION, 1))  # type: ignore[attr-defined]
        raw = image.info.get("exif")
        if not raw:
            return 1
        exif = Image.Exif()
        exif.load(raw)
        return int(exif.get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block does not make the picture unreadable
        return 1


def _is_turned(image: Image.Image) -> bool:
    """Say whether the sides of a picture are those after turning already: Pillow 12 does so with TIFF."""
    if image.format != "TIFF":
        return False
    tags = image.tag_v2  # type: ignore[attr-defined]
    return image.size != (tags.get(_IMAGE_WIDTH), tags.get(_IMAGE_LENGTH))


def _no_picture(source: Path | bytes, error: Exception) -> Unreadable:
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return Unreadable(_too_large())
    passing = _passing(error)
    if passing is not None:
        return passing
    try:
        start = source[:512] if isinstance(source, bytes) else _start(source)
    except OSError as failure:
        return _unreachable(failure)
    if not start:
        return Unreadable("the file is empty")
    found = next((name for magic, name in _MAGIC.items() if magic in start[:64].lower() or magic in start[:64]), "")
    if found:
        return Unreadable(f"is {found}, which is not read; convert it to PNG or JPEG")
    return Unreadable("no picture, or a damaged header")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _too_large() -> str:
    return f"claims more than {LARGEST_PIXELS // 10**6} million pixels"


def _unreachable(error: OSError) -> Unreachable:
    """Return what is to be said of a file that the system does not give."""
    return Unreachable(f"cannot be read ({error.strerror})")


def _finding(error: Exception) -> Unreadable:
    """Return what a decoder's error says of a picture."""
    text = " ".join(str(error).split()) or type(error).__name__
    return _passing(error) or Unreadable(f"damaged ({text[:100]})")


def _passing(error: Exception) -> Unreachable | None:
    """Return what an error says that tells of this machine and this moment alone."""
    if isinstance(error, MemoryError) or str(error).startswith("out of memory"):  # the latter is Pillow's OSError
        return Unreachable("needs more memory than there is")
    return _unreachable(error) if isinstance(error, OSError) and error.errno is not None else None
