"""A process that looks at pictures for another one: `python -m barlowmatch.data.worker`.

It says `ready` on its standard output, reads requests from its standard input, one JSON object a line (`task`,
`setup`, `items`), and answers each item with one line `[result]`. A result with a `reason` found no picture; where it
is `passing` too, the reason lies in this machine and this moment, not in the file. A picture that crashes or hangs the
decoder takes this process with it and nothing else; the caller (workers.py) learns from the missing answer which
picture it was.
"""

import base64
import faulthandler
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from barlowmatch.data.images import Unreachable, Unreadable, count_pages, read_deep, read_file, read_header, read_image
from barlowmatch.data.squares import to_jpeg, to_square

TIME_LIMIT = 120
"""Seconds a picture may take; the largest allowed takes some 5."""
CPU_LIMIT = 100
"""Seconds it may compute, which is its own fault; waiting is not. Whoever computes longer is ended by SIGPROF."""
_FLUSH_SECONDS = 0.1

Setup = Mapping[str, Any]


def hash_file(_setup: Setup, file: str) -> dict[str, Any]:
    """Return content hash of a file and whether its pixels need the dataset's intensity range."""
    content = read_file(Path(file))
    try:
        deep = read_header(content).is_deep
    except Unreachable:
        raise
    except Unreadable:
        deep = False
    return {"sha256": hashlib.sha256(content).hexdigest(), "deep": deep}


def examine(_setup: Setup, file: str) -> dict[str, Any]:
    """Return content hash, bytes, format, mode, sides, pages of a picture, and the reason where it is unreadable."""
    found: dict[str, Any] = {}
    try:
        content = read_file(Path(file))
        found |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        header = read_header(content)
        found |= {"format": header.format, "mode": header.mode, "width": header.width, "height": header.height}
        read_image(content, at_least=1)
        found["pages"] = count_pages(content)
    except Unreadable as error:
        found |= _without_picture(error)
    return found


def see(_setup: Setup, file: str) -> dict[str, Any]:
    """Return a hash of a picture's pixels: what differs in format, compression or remarks alone has the same."""
    content = read_file(Path(file))
    if read_header(content).is_deep:
        pixels = np.ascontiguousarray(read_deep(content))
    else:
        pixels = np.asarray(read_image(content))
    shape = f"{pixels.dtype} {pixels.shape} ".encode("ascii")
    return {"pixels": hashlib.sha256(shape + pixels.tobytes()).hexdigest()}


def measure(_setup: Setup, file: str) -> dict[str, Any]:
    """Return the intensities below which 0.1 % and 99.9 % of a deep picture's pixels lie."""
    values = read_deep(read_file(Path(file)))
    values = values[np.isfinite(values)]
    if not values.size:
        return {"reason": "no finite intensity"}
    low, high = np.quantile(values, (0.001, 0.999))
    return {"low": float(low), "high": float(high)}


def decode(setup: Setup, item: tuple[int, str, str]) -> dict[str, Any]:
    """Write a picture's square to its row of the pixel file."""
    pixels = _square(setup, item).tobytes()
    try:
        _write(setup["pixels"], pixels, setup["offset"] + item[0] * len(pixels))
    except OSError as error:
        return {"fault": error.strerror}
    return {}


def compress(setup: Setup, item: tuple[int, str, str]) -> dict[str, Any]:
    """Return a picture's square as a JPEG file, in base 64."""
    return {"jpeg": base64.b64encode(to_jpeg(_square(setup, item))).decode("ascii")}


def check(setup: Setup, item: tuple[int, str, str]) -> dict[str, Any]:
    """Return nothing where a picture can be decoded."""
    _square(setup, item)
    return {}


def _square(setup: Setup, item: tuple[int, str, str]) -> npt.NDArray[np.uint8]:
    _, file, sha256 = item
    content = read_file(Path(file))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Unreachable("changed while the dataset was being read")
    limits, size = setup["sixteen_bit_range"], setup["size"]
    image = read_image(content, sixteen_bit_range=limits and (limits[0], limits[1]), at_least=size)
    return to_square(image, size, setup["fit"])


def _write(path: str, content: bytes, position: int) -> None:
    with open(path, "r+b", buffering=0) as file:  # noqa: PTH123 - ten thousand a second
        file.seek(position)
        if file.write(content) != len(content):
            raise OSError(28, "No space left on device")


TASKS: Mapping[str, Callable[[Setup, Any], dict[str, Any]]] = {
    "hash": hash_file,
    "examine": examine,
    "see": see,
    "measure": measure,
    "decode": decode,
    "compress": compress,
    "check": check,
}


def find(task: Callable[[Setup, Any], dict[str, Any]], setup: Setup, item: object) -> dict[str, Any]:
    """Return what a task finds, or why there is no picture."""
    try:
        return task(setup, item)
    except Unreadable as error:
        return _without_picture(error)
    except MemoryError:
        return _without_picture(Unreachable("needs more memory than there is"))


def _without_picture(error: Unreadable) -> dict[str, Any]:
    reason = {"reason": str(error)}
    return reason | {"passing": True} if isinstance(error, Unreachable) else reason


def main() -> None:
    """Answer requests until there are no more."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the caller decides when to stop, by closing the pipe
        signal.signal(number, signal.SIG_IGN)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    out.write("ready\n")
    out.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # what decoders grumble about, nobody reads
    flushed = armed = 0.0
    for line in sys.stdin:
        request = json.loads(line)
        task = TASKS[request["task"]]
        for item in request["items"]:
            now = time.monotonic()
            if now - armed > 1:
                faulthandler.dump_traceback_later(TIME_LIMIT, exit=True)
                if hasattr(signal, "setitimer"):
                    signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT)
                armed = now
            if now - flushed > _FLUSH_SECONDS:
                out.flush()
                flushed = now
            out.write(json.dumps([find(task, request["setup"], item)]) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
