"""Pictures are shown as what they are, and never as what they are not."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from labeling.project import READERS, Project
from storage.images import add_images, find_images
from storage.records import NewImage
from storage.settings import get_setting
from tests.labeling.conftest import Tab


@pytest.fixture
def add(project: Project, tmp_path: Path) -> Callable[[str, bytes], int]:
    """Return a function that puts a file among the images of the project."""
    root = tmp_path / "own images"
    root.mkdir()
    project.root = root

    def put(name: str, content: bytes) -> int:
        (root / name).write_bytes(content)
        new = NewImage(name.encode(), name, hashlib.sha256(content).hexdigest())
        return project.write(lambda db: add_images(db, [new]))[0]

    return put


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


RED = Image.new("RGB", (40, 30), (255, 0, 0))
DEEP = Image.fromarray(np.linspace(2000, 6000, 1200).astype(np.uint16).reshape(30, 40))


@pytest.mark.parametrize(
    ("name", "content", "media_type", "as_it_is"),
    [
        ("a.png", encoded(RED, "PNG"), "image/png", True),
        ("a.jpg", encoded(RED, "JPEG"), "image/jpeg", True),
        ("a.webp", encoded(RED, "WEBP"), "image/webp", True),
        ("a.gif", encoded(RED, "GIF"), "image/png", False),
        ("a.bmp", encoded(RED, "BMP"), "image/png", False),
        ("a.tif", encoded(RED, "TIFF"), "image/png", False),
        ("deep.png", encoded(DEEP, "PNG"), "image/png", False),
        ("cmyk.jpg", encoded(RED.convert("CMYK"), "JPEG"), "image/png", False),
        ("lies.png", encoded(RED, "BMP"), "image/png", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_is_served_as_browsers_can_show_it(
    ann: Tab, add: Callable[[str, bytes], int], name: str, content: bytes, media_type: str, as_it_is: bool
) -> None:
    image = add(name, content)
    answer = ann.http.get(f"/img/{image}?v={hashlib.sha256(content).hexdigest()[:16]}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert (answer.content == content) is as_it_is
    shown = Image.open(BytesIO(answer.content)).convert("RGB")
    assert shown.size == (40, 30)
    expected = (44, 44, 44) if name == "deep.png" else (255, 0, 0)
    assert np.abs(np.array(shown.getpixel((5, 5))) - expected).max() <= 3
    again = ann.http.get(f"/img/{image}")
    assert (again.content, again.headers["cache-control"]) == (answer.content, "private, no-cache")
    for kind in ("img", "thumb"):  # as a page of another project asks, whose image has the same number
        assert ann.get(f"/{kind}/{image}", 404, v=hashlib.sha256(b"another").hexdigest()[:16])["field"] == "v"
    detail = ann.get(f"/api/images/{image}")
    assert (detail["width"], detail["height"]) == (40, 30)


def test_deep_pictures_are_shown_in_one_range(ann: Tab, add: Callable[[str, bytes], int], project: Project) -> None:
    """Twelve bits in sixteen are no black picture; a dim one stays dimmer than a bright one, today and tomorrow."""
    levels = [1000 + 40 * step for step in range(80)]
    images = [
        add(f"{level}.png", encoded(Image.fromarray(np.full((30, 40), level, np.uint16)), "PNG")) for level in levels
    ]
    shown = [
        Image.open(BytesIO(ann.http.get(f"/img/{image}").content)).convert("L").getpixel((5, 5)) for image in images
    ]
    assert shown == sorted(shown)
    assert shown[0] < 10
    assert shown[-1] > 245
    with project.reading() as db:
        low, high = get_setting(db, "sixteen_bit_range")
    assert low <= 1000
    assert high >= levels[-1]
    assert high - low < 1.2 * (levels[-1] - levels[0])


def test_a_thumb_is_small_and_made_once(ann: Tab, add: Callable[[str, bytes], int], project: Project) -> None:
    draw = np.random.default_rng(0)
    image = add("large.png", encoded(Image.fromarray(draw.integers(0, 255, (900, 1200, 3), np.uint8)), "PNG"))
    first = ann.http.get(f"/thumb/{image}")
    assert first.headers["content-type"] == "image/webp"
    assert Image.open(BytesIO(first.content)).size == (256, 192)
    (made,) = (project.paths.cache / "thumbs").glob("*/*.webp")
    before = made.stat().st_mtime_ns
    assert ann.http.get(f"/thumb/{image}").content == first.content
    assert made.stat().st_mtime_ns == before


def test_a_turned_picture_has_its_turned_sides(ann: Tab, add: Callable[[str, bytes], int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = add("turned.jpg", encoded(RED, "JPEG", exif=exif))
    assert Image.open(BytesIO(ann.http.get(f"/thumb/{image}").content)).size == (30, 40)
    detail = ann.get(f"/api/images/{image}")
    assert (detail["width"], detail["height"]) == (30, 40)


@pytest.mark.parametrize("route", ["img", "thumb"])
def test_a_replaced_or_deleted_file_is_gone(
    ann: Tab, add: Callable[[str, bytes], int], project: Project, route: str
) -> None:
    image = add("a.png", encoded(RED, "PNG"))
    (project.root / "a.png").write_bytes(encoded(Image.new("RGB", (40, 30)), "PNG"))
    answer = ann.get(f"/{route}/{image}", 410)
    assert "other content" in answer["error"]
    assert "on the Project page" in answer["hint"], "whoever labels has no command line"
    (project.root / "a.png").unlink()
    assert "cannot be read" in ann.get(f"/{route}/{image}", 410)["error"]


def test_a_picture_replaced_after_it_was_shown_is_not_shown_as_the_old(
    ann: Tab, add: Callable[[str, bytes], int], project: Project
) -> None:
    image = add("a.png", encoded(RED, "PNG"))
    assert ann.http.get(f"/img/{image}").status_code == 200
    (project.root / "a.png").write_bytes(encoded(Image.new("RGB", (41, 30)), "PNG"))
    ann.get(f"/img/{image}", 410)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("half.png", encoded(DEEP, "PNG")[:60]),
        ("page.png", b"<html><script>alert(1)</script></html>"),
        ("drawing.svg.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("empty.png", b""),
        (
            "bomb.png",
            encoded(RED, "PNG").replace(b"\x00\x00\x00\x28\x00\x00\x00\x1e", b"\x00\x00\xff\xff\x00\x00\xff\xff"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_is_never_served(
    ann: Tab, add: Callable[[str, bytes], int], name: str, content: bytes
) -> None:
    image = add(name, content)
    for route in ("img", "thumb"):
        assert ann.get(f"/{route}/{image}", 422)["hint"]


def test_a_worker_that_dies_is_replaced(ann: Tab, add: Callable[[str, bytes], int], server: TestClient) -> None:
    ann.http.get(f"/thumb/{add('one.png', encoded(RED, 'PNG'))}")
    for worker in server.app.state.context.shop._all:  # type: ignore[attr-defined]
        if worker._process is not None:
            worker._process.kill()
    statuses = {ann.http.get(f"/thumb/{add(f'{n}.png', encoded(Image.new('RGB', (n + 1, 9)), 'PNG'))}").status_code
                for n in range(6)}  # fmt: skip
    assert 200 in statuses
    assert statuses <= {200, 422}


@pytest.mark.parametrize(
    "system",
    [
        "sys.modules['resource'] = None",  # Windows has no such module
        "import resource; resource.setrlimit = lambda *_: int('macOS refuses')",  # a ValueError
    ],
)
def test_pictures_are_made_where_the_system_limits_no_memory(system: str, tmp_path: Path) -> None:
    content = encoded(RED, "PNG")
    (tmp_path / "a.png").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    task = {"kind": "full", "path": str(tmp_path / "a.png"), "sha256": digest, "target": "", "range": None}
    worker = "import runpy; runpy.run_module('labeling.pictures.worker', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {system}; {worker}"],
        input=json.dumps(task) + "\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["media_type"] == "image/png"


def test_names_that_are_no_utf8_are_served_by_id(ann: Tab, add: Callable[[str, bytes], int], project: Project) -> None:
    content = encoded(RED, "PNG")
    name = b"caf\xe9.png"
    (Path(str(project.root)) / name.decode("utf-8", "surrogateescape")).write_bytes(content)
    new = NewImage(name, "caf\\xe9.png", hashlib.sha256(content).hexdigest())
    image = project.write(lambda db: add_images(db, [new]))[0]
    assert ann.http.get(f"/img/{image}").content == content
    with project.reading() as db:
        assert find_images(db, [name.decode("utf-8", "surrogateescape")]) == [image]


def test_a_picture_that_waits_for_the_database_lets_others_be_answered(ann: Tab, project: Project) -> None:
    with ThreadPoolExecutor() as threads:
        with ExitStack() as lent:
            for _ in range(READERS):
                lent.enter_context(project.reading())
            pictures = [threads.submit(ann.http.get, path) for path in ("/img/1", "/thumb/1")]
            for _ in range(30):
                assert threads.submit(ann.http.get, "/api/health").result(timeout=30).status_code == 200
            assert not any(picture.done() for picture in pictures)
        assert [picture.result(timeout=60).status_code for picture in pictures] == [200, 200]
