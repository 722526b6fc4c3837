"""The process that decodes pictures for the pages: `python -m labeling.pictures.worker`.

A picture may be anything, so it is read away from the server: a decoder that crashes, hangs or swallows memory takes
only this process with it. One task a line comes in as JSON, one answer a line goes out.
"""

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from barlowmatch.data.images import Range, Unreadable, joint_range, read_header, read_image
from barlowmatch.data.worker import find, measure
from barlowmatch.errors import InputError
from barlowmatch.files import whole_file

THUMB_SIDE = 256
LARGEST_SIDE = 4096
LARGEST_AS_IS = 12_000_000
"""Bytes of a file that is sent to the page as it is."""
_MEMORY = 4 * 2**30
_AS_IS = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def main() -> None:
    """Answer tasks until the input ends."""
    _limit_memory()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def _limit_memory() -> None:
    """Let a picture that swallows memory fail by itself, where the system has such a limit."""
    with suppress(ImportError, ValueError):  # Windows knows no limits, and macOS refuses this one
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def answer(task: dict[str, Any]) -> dict[str, Any]:
    """Do one task; a failure is an answer too: `gone` where the file is not what it was, `reason` in words."""
    if task["kind"] == "range":
        return {"range": _range(task["paths"])}
    try:
        content = Path(task["path"]).read_bytes()
    except OSError as error:
        return {"gone": True, "reason": f"the file cannot be read ({error.strerror})"}
    if hashlib.sha256(content).hexdigest() != task["sha256"]:
        return {"gone": True, "reason": "the file has other content than when it was indexed"}
    try:
        if task["range"] is None and read_header(content).is_deep:
            return {"needs_range": True}
        return _thumb(content, task) if task["kind"] == "thumb" else _full(content, task)
    except (Unreadable, InputError, MemoryError) as error:
        return {"reason": str(error) or "needs more memory than there is"}


def _range(paths: list[str]) -> Range:
    """Return the one intensity range in which deep pictures are shown: each alone would hide what tells them apart."""
    answers = [find(measure, {}, path) for path in paths]
    return joint_range([(found["low"], found["high"]) for found in answers if "reason" not in found])


def _shown_range(task: dict[str, Any]) -> Range | None:
    return (task["range"][0], task["range"][1]) if task["range"] else None


def _thumb(content: bytes, task: dict[str, Any]) -> dict[str, Any]:
    """Write a picture of at most `THUMB_SIDE` px as WebP; small pictures stay exact."""
    target = Path(task["target"])
    header = read_header(content)
    small = max(header.width, header.height) <= THUMB_SIDE
    image = read_image(content, sixteen_bit_range=_shown_range(task), at_least=None if small else THUMB_SIDE)
    image.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)
    with whole_file(target) as partial:
        image.save(partial, "WEBP", lossless=small, quality=82)
    return {"path": str(target), "media_type": "image/webp", "width": header.width, "height": header.height}


def _full(content: bytes, task: dict[str, Any]) -> dict[str, Any]:
    """Say that a browser can show the file as it is, or write a version that it can show."""
    header = read_header(content)
    size = {"width": header.width, "height": header.height}
    fits = max(header.width, header.height) <= LARGEST_SIDE and len(content) <= LARGEST_AS_IS
    if header.format in _AS_IS and fits and not header.is_deep and header.mode != "CMYK":
        return {"path": task["path"], "media_type": _AS_IS[header.format], **size}
    image = read_image(content, sixteen_bit_range=_shown_range(task))
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    exact = image.width * image.height <= LARGEST_SIDE * LARGEST_SIDE // 8
    target = Path(task["target"]).with_suffix(".png" if exact else ".jpg")
    with whole_file(target) as partial:
        image.save(partial, "PNG" if exact else "JPEG", **({} if exact else {"quality": 92}))
    return {"path": str(target), "media_type": "image/png" if exact else "image/jpeg", **size}


if __name__ == "__main__":
    main()
