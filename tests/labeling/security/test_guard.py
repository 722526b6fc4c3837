"""Strangers are kept out: other hosts, other origins, too large bodies; every answer carries its headers."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from labeling.project import Project
from labeling.security.guard import Guard, is_loopback, own_names
from labeling.server.application import build_app


@pytest.fixture
def guarded(project: Project) -> Iterator[TestClient]:
    app = Guard(
        build_app(project, pages=False), own_names("127.0.0.1", ("label.example", "Labels.Lab.org", "[FE80::1]"))
    )
    with TestClient(app, base_url="http://127.0.0.1:7860") as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"host": "localhost:7860"}, 401),
        ({"host": "[::1]:7860"}, 401),
        ({"host": "label.example"}, 401),
        ({"host": "labels.lab.org:7860"}, 401),
        ({"host": "LABELS.lab.org"}, 401),
        ({"host": "[fe80::1]:7860"}, 401),
        ({"host": "evil.example"}, 400),
        ({"host": "127.0.0.1.evil.example"}, 400),
        ({"origin": "http://127.0.0.1:7860"}, 401),
        ({"origin": "http://127.0.0.1:7861"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 401),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_a_write_comes_from_our_own_pages(guarded: TestClient, headers: dict[str, str], status: int) -> None:
    answer = guarded.post("/api/lease", json={"client": "x", "count": 1}, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "field", "hint"}


def test_a_read_from_another_site_is_not_a_write(guarded: TestClient) -> None:
    assert guarded.get("/api/people", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_a_large_body_is_refused_before_it_is_read(guarded: TestClient) -> None:
    answer = guarded.post("/api/labels", content=b"x" * 1_000_001)
    assert answer.status_code == 413

    def endless() -> Iterator[bytes]:
        yield b"x"

    assert guarded.post("/api/labels", content=endless()).status_code == 413


@pytest.mark.parametrize("path", ["/label/api/labels", "/api/labels"])
def test_a_large_body_is_refused_behind_a_proxy_that_passes_its_prefix_on_or_not(project: Project, path: str) -> None:
    app = Guard(build_app(project, "/label", pages=False), own_names("127.0.0.1", ()), "/label/")
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.post(path, content=b"{}").status_code == 401
        assert client.post(path, content=b"x" * 1_000_001).status_code == 413


@pytest.mark.parametrize("path", ["/api/people", "/api/nothing", "/img/1", "/workbench/nothing.js"])
def test_every_answer_carries_its_headers(guarded: TestClient, path: str) -> None:
    headers = guarded.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/gradio_api/file=http://evil.example/x", "/monitoring/summary"])
def test_doors_of_the_page_library_stay_shut(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/workbench/../server.py", "/workbench/%2e%2e/server.py", "/workbench/.hidden"])
def test_assets_are_served_by_name_alone(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 404


def test_pictures_and_data_need_a_person(guarded: TestClient) -> None:
    paths = guarded.get("/api/openapi.json").json()["paths"]
    open_to_all = set()
    for path, methods in paths.items():
        for method in methods:
            plain = (
                path.replace("{image_id}", "1")
                .replace("{class_id}", "1")
                .replace("{name}", "x")
                .replace("{table}", "labels")
            )
            body = {"json": {}} if method != "get" else {}
            if guarded.request(method, plain, **body).status_code != 401:
                open_to_all.add((method, path))
    assert open_to_all == {
        ("get", "/api/people"),
        ("post", "/api/people/me"),
        ("get", "/api/health"),
        ("post", "/api/login"),
    }


def test_what_is_this_machine_alone() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.9.1", "localhost", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "10.0.0.1", "::", "localhost.evil.example")))
