"""The server as a process: one a project, free of torch, and gone without a trace when it is asked to end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from barlowmatch.errors import InputError
from benchmarks.labeling_server import Client
from labeling.dataset.indexing import init_project
from labeling.project import ProjectFolder
from labeling.security.guard import own_names
from labeling.server import application, exclusive
from labeling.server.config import ServerConfig
from labeling.server.serving import refuse_other_images
from tests.browser.bench import paint

ROOT = Path(__file__).parents[3]


def start(*words: object, cwd: Path = ROOT) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), *map(str, words)], text=True, cwd=cwd,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@contextmanager
def serving(folder: Path, *words: object, cwd: Path = ROOT) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    process = start("--project", folder, "--port", 0, *words, cwd=cwd)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert " at http://127.0.0.1:" in line, process.stderr.read() if process.stderr else line
        yield line.strip().rsplit(" ", 1)[-1], process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_one_server_a_project_and_no_torch(folder: Path) -> None:
    with serving(folder) as (url, process):
        client = Client(url, "Ann")
        assert len(client.lease(3)) == 3
        mapped = {Path(item.path).name for item in psutil.Process(process.pid).memory_maps()}
        assert not any("torch" in name for name in mapped)
        second = start("--project", folder, "--port", 0)
        _, said = second.communicate(timeout=60)
        assert second.returncode == 2
        assert f"is served already, at {url} by process {process.pid}" in said
        assert said.strip().count("\n") == 0
    assert process.returncode == 143
    assert not (folder / ".server.json").exists()
    with exclusive.serving(ProjectFolder(folder), "http://127.0.0.1:1"):
        assert json.loads((folder / ".server.json").read_text())["pid"] == os.getpid()


def test_it_works_from_any_folder(tmp_path: Path, dataset: Path) -> None:
    """Its processes find the packages: one reads the images, one makes pictures of them to look at."""
    (tmp_path / "images").symlink_to(dataset)
    with serving(tmp_path / "new", "--dataset-folder", "images", cwd=tmp_path) as (url, _):
        cookie = Client(url, "Ann").cookie
        with urlopen(Request(f"{url}/img/1", headers={"Cookie": cookie})) as picture:  # made by another process
            assert len(picture.read()) > 100


@pytest.mark.slow
def test_a_server_with_nothing_to_do_does_nothing(folder: Path) -> None:
    with serving(folder) as (_, process):
        server = psutil.Process(process.pid)
        # The pages are still being built when the address is told; Gradio's queue alone takes more than this, if let.
        assert any(server.cpu_percent(1.0) <= 1.0 for _ in range(60))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--dataset-folder", "nowhere"], "--project: name the folder of the new project"),
        (["--host", "0.0.0.0"], "--host 0.0.0.0: name the project to serve"),
        (["--root-path", "/label"], "--root-path: name the project to serve"),
        (["--project", "p", "--host", "0.0.0.0"], "no labeling project"),
        (["--project", "p", "--trusted-header", "X-Remote-User"], "--trusted-proxy"),
        (["--project", "p", "--root-path", "label"], "must begin with a slash"),
        (["--prot", "3"], "app.py: --prot: no such flag; did you mean --port?"),
        (["--project", "p", "--dataset-folder", "nowhere"], "no such folder"),
        (["--project", "p", "--class-folders", "0"], "--class-folders: goes with --dataset-folder"),
        (["--project", "p" * 300], "cannot be used (File name too long); name another path"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    words: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from labeling.server.serving import main

    monkeypatch.chdir(tmp_path)
    assert main([*words, "--port", "0"]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_project_is_not_served_as_one_of_other_images(
    folder: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from labeling.server.serving import main

    (tmp_path / "other").mkdir()
    assert main(["--project", str(folder), "--dataset-folder", str(tmp_path / "other"), "--port", "0"]) == 2
    said = capsys.readouterr().err
    assert "is a project of other images" in said
    assert said.count("\n") == 1
    (tmp_path / "link").symlink_to(dataset)
    for same in (dataset, tmp_path / "link"):
        refuse_other_images(ProjectFolder(folder), ServerConfig(project=folder, dataset_folder=same))


def test_a_served_project_keeps_what_was_said_of_its_folders(tmp_path: Path) -> None:
    images = paint(tmp_path / "images", *(f"{day}/{n}.png" for day in ("dawn", "noon") for n in range(4)))
    with serving(tmp_path / "p", "--dataset-folder", images, "--class-folders", 0) as (url, _):
        assert Client(url, "Ann").get("/api/classes")["classes"] == []
    same = ServerConfig(project=tmp_path / "p", dataset_folder=images, class_folders=0)
    refuse_other_images(ProjectFolder(tmp_path / "p"), same)
    refuse_other_images(ProjectFolder(tmp_path / "p"), replace(same, class_folders=None))
    with pytest.raises(InputError, match=r"--class-folders 1: .*p was made with 0, .*begin anew in another --project"):
        refuse_other_images(ProjectFolder(tmp_path / "p"), replace(same, class_folders=1))


def test_a_served_project_that_went_by_the_looks_of_its_folders_keeps_that(tmp_path: Path) -> None:
    images = paint(tmp_path / "images", *(f"{day}/{n}.png" for day in ("day1", "day2") for n in range(4)))
    init_project(tmp_path / "p", dataset_folder=images)
    told = r"--class-folders 1: .*p was made without it, .*leave it out to open it, or begin anew in another --project"
    with pytest.raises(InputError, match=told):
        refuse_other_images(
            ProjectFolder(tmp_path / "p"),
            ServerConfig(project=tmp_path / "p", dataset_folder=images, class_folders=1),
        )


@pytest.mark.parametrize(
    ("host", "names", "told"),
    [
        ("0.0.0.0", ("*", "label.example"), "label.example"),
        ("0.0.0.0", (), "127.0.0.1"),
        ("::", ("*",), "127.0.0.1"),
        ("::1", (), "[::1]"),
        ("localhost", ("label.example",), "localhost"),
    ],
)
def test_the_address_that_is_told_is_one_that_is_answered(host: str, names: tuple[str, ...], told: str) -> None:
    from labeling.server.serving import _url

    class Socket:
        @staticmethod
        def getsockname() -> tuple[str, int]:
            return host, 7860

    assert _url(ServerConfig(project=Path("p"), host=host, allowed_host=names), Socket) == f"http://{told}:7860"
    assert told in own_names(host, names)


def test_a_taken_port_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from labeling.server.serving import listen, main

    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    assert main(["--project", str(folder), "--port", str(port)]) == 2
    assert f"--port {port}: cannot listen there" in capsys.readouterr().err
    taken.close()


def test_an_upgrade_beside_it_changes_no_script_of_a_running_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.js").write_text("import './old.js';")
    (tmp_path / "old.js").write_text("old")
    monkeypatch.setattr(application, "ASSETS", tmp_path)
    app = FastAPI()
    application.serve_assets(app)
    (tmp_path / "page.js").write_text("import './new.js';")
    (tmp_path / "old.js").unlink()
    (tmp_path / "new.js").write_text("new")
    with TestClient(app) as client:
        page = client.get("/workbench/page.js")
        assert (page.text, page.headers["cache-control"]) == ("import './old.js';", "no-cache")
        assert page.headers["content-type"] == "text/javascript; charset=utf-8"
        assert client.get("/workbench/old.js").text == "old"
