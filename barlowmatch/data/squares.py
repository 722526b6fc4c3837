"""Making a picture square."""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

PADDING = (128, 128, 128)
"""Mid grey: no dataset's colour, and close to nothing once the network's input is standardised."""

JPEG_QUALITY = 92


def to_square(image: Image.Image, size: int, fit: str) -> npt.NDArray[np.uint8]:
    """Return an RGB picture as (3, size, size).

    Args:
        image: the picture.
        size: side in pixels.
        fit: `pad` keeps all of it between grey bars, `crop` keeps its middle square, `squash` bends it to a square.
    """
    width, height = image.size
    if fit == "pad" and width != height:
        square = _padded(image, size)
    elif fit == "crop" and width != height:
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        square = _resized(image, size, size, (left, top, left + side, top + side))
    else:
        square = _resized(image, size, size)
    return np.asarray(square).transpose(2, 0, 1)


def to_jpeg(square: npt.NDArray[np.uint8]) -> bytes:
    """Return a square (3, size, size) as a JPEG file: about a sixth of its bytes, some two levels of 255 away."""
    with BytesIO() as content:
        Image.fromarray(np.ascontiguousarray(square.transpose(1, 2, 0))).save(
            content, "JPEG", quality=JPEG_QUALITY, subsampling=0
        )
        return content.getvalue()


def _padded(image: Image.Image, size: int) -> Image.Image:
    longer = max(image.size)
    width, height = (max(1, round(side * size / longer)) for side in image.size)
    square = Image.new("RGB", (size, size), PADDING)
    square.paste(_resized(image, width, height), ((size - width) // 2, (size - height) // 2))
    return square


def _resized(
    image: Image.Image, width: int, height: int, box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    """Resize with antialiasing; very large pictures are first reduced by whole factors, which looks the same."""
    if box is None and image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
