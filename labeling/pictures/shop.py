"""Pictures for the pages: made once by processes of their own, kept in the project's cache by content."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeling.project import Project
from storage.errors import StorageError
from storage.images import draw_images, set_dimensions
from storage.records import Image
from storage.settings import get_setting, put_setting

WORKERS = 2
SECONDS = 60.0
REMEMBERED = 50_000
RANGE_SAMPLE = 100
"""Pictures of which the deep ones say in which intensities all are shown."""
RANGE_SETTING = "sixteen_bit_range"


@dataclass(frozen=True)
class Picture:
    """A file that a browser can show."""

    path: Path
    media_type: str


class GoneError(Exception):
    """The file of an image is gone or has other content; the message says which."""


class UnreadableError(Exception):
    """The file of an image cannot be shown; the message says why."""


class PictureShop:
    """Makes pictures and remembers them. Used from the event loop only.

    Args:
        project: whose images they are.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._cache = project.paths.cache
        with project.reading() as db:
            self._range: list[float] | None = get_setting(db, RANGE_SETTING)
        self._workers: asyncio.Queue[_Worker] = asyncio.Queue()
        self._all = [_Worker() for _ in range(WORKERS)]
        for worker in self._all:
            self._workers.put_nowait(worker)
        self._as_is: OrderedDict[int, tuple[tuple[int, int], Picture]] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[Picture]] = {}

    async def thumb(self, image: Image) -> Picture:
        """Return the small version of a picture.

        Raises:
            GoneError: its file is gone or replaced.
            UnreadableError: it cannot be decoded.
        """
        target = self._place("thumbs", image, ".webp")
        if target.is_file():
            return Picture(target, "image/webp")
        return await self._make("thumb", image, target)

    async def full(self, image: Image) -> Picture:
        """Return a picture at full size, as the file itself where a browser can show that.

        Raises:
            GoneError: its file is gone or replaced.
            UnreadableError: it cannot be decoded.
        """
        path = self.path(image)
        for suffix, media_type in ((".png", "image/png"), (".jpg", "image/jpeg")):
            made = self._place("full", image, suffix)
            if made.is_file():
                return Picture(made, media_type)
        try:
            status = path.stat()
        except OSError as error:
            raise GoneError(f"the file of image {image.id} cannot be read ({error.strerror})") from None
        stamp = (status.st_size, status.st_mtime_ns)
        known = self._as_is.get(image.id)
        if known is not None and known[0] == stamp:
            self._as_is.move_to_end(image.id)
            return known[1]
        picture = await self._make("full", image, self._place("full", image, ".png"))
        if picture.path == path:
            self._as_is[image.id] = (stamp, picture)
            if len(self._as_is) > REMEMBERED:
                self._as_is.popitem(last=False)
        return picture

    def path(self, image: Image) -> Path:
        """Return where the file of an image lies."""
        return self._project.root / os.fsdecode(image.path)

    async def close(self) -> None:
        """End the processes."""
        for worker in self._all:
            await worker.end()

    def _place(self, kind: str, image: Image, suffix: str) -> Path:
        return self._cache / kind / image.sha256[:2] / f"{image.sha256}{suffix}"

    async def _make(self, kind: str, image: Image, target: Path) -> Picture:
        """Make a picture; those who ask for the same one meanwhile wait for it."""
        key = f"{kind} {image.id}"
        if key not in self._under_way:
            task = asyncio.ensure_future(self._order(kind, image, target))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(self._under_way[key])

    async def _order(self, kind: str, image: Image, target: Path) -> Picture:
        worker = await self._workers.get()
        try:
            task = {"kind": kind, "path": str(self.path(image)), "sha256": image.sha256, "target": str(target)}
            made = await worker.ask({**task, "range": self._range})
            if made.get("needs_range"):
                made = await worker.ask({**task, "range": await self._measure_range(worker, image)})
        finally:
            self._workers.put_nowait(worker)
        if made.get("gone"):
            raise GoneError(f"image {image.id}: {made['reason']}")
        if "reason" in made:
            raise UnreadableError(f"image {image.id}: {made['reason']}")
        if image.width is None:
            await self._note(image.id, made["width"], made["height"])
        return Picture(Path(made["path"]), made["media_type"])

    async def _measure_range(self, worker: "_Worker", image: Image) -> list[float]:
        """Return the range in which all deep pictures are shown, measured once on some of them."""
        if self._range is None:
            with self._project.reading() as db:
                some = [image, *draw_images(db, RANGE_SAMPLE, seed=0)]
            measured = await worker.ask({"kind": "range", "paths": [str(self.path(one)) for one in some]})
            found: list[float] = measured.get("range", [0, 65535])
            with suppress(StorageError):
                await asyncio.wrap_future(self._project.submit(lambda db: put_setting(db, RANGE_SETTING, found)))
            self._range = found
        return self._range

    async def _note(self, image: int, width: int, height: int) -> None:
        """Remember the sides of a picture; that they cannot be stored is no reason not to show it."""
        with suppress(StorageError):
            await asyncio.wrap_future(self._project.submit(lambda db: set_dimensions(db, image, width, height)))


class _Worker:
    """A decoding process, started when it is first needed and again after it died."""

    def __init__(self) -> None:
        self._process: Process | None = None

    async def ask(self, task: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a task; a process that dies or hangs over it is an answer too."""
        if self._process is not None and self._process.returncode is not None:
            await self.end()
        if self._process is None:
            command = (sys.executable, "-m", "labeling.pictures.worker")
            self._process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            line = await asyncio.wait_for(self._process.stdout.readline(), SECONDS)
            found: dict[str, Any] = json.loads(line)
        except (TimeoutError, ValueError, ConnectionError):
            await self.end()
            return {"reason": "decoding it took too long or broke off"}
        except asyncio.CancelledError:
            await self.end()  # its answer would be taken for that of the next task
            raise
        return found

    async def end(self) -> None:
        """End the process and let go of its pipes."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()
