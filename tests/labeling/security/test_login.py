"""Logging in: how long it lasts, and what guessing brings."""

import hashlib
import uuid

from argon2 import extract_parameters
from starlette.testclient import TestClient

from labeling.project import Project
from labeling.security.attempts import KEPT, Allowance, Attempts, neighbourhood
from labeling.security.doors import Entry
from labeling.security.passwords import _NOBODYS, fits, hash_password
from labeling.server.application import build_app
from tests.labeling.logins import PASSWORD, URL, log_in

# ---- sessions ------------------------------------------------------------------------------------------------------


def test_a_session_outlives_the_server_and_only_its_hash_is_kept(team: Project) -> None:
    with TestClient(build_app(team, entry=Entry(), pages=False), base_url=URL) as client:
        browser = log_in(client, "ann")
        (cookie,) = [item for item in browser.cookies.jar if item.name.startswith("session-")]
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert not cookie.secure
    with team.reading() as db:
        (row,) = db.execute("SELECT token FROM session").fetchall()
    assert row["token"] == hashlib.sha256(str(cookie.value).encode()).digest()
    with TestClient(build_app(team, entry=Entry(), pages=False), base_url=URL) as again:
        again.cookies.set(cookie.name, str(cookie.value))
        assert again.get("/api/people").json()["me"]["name"] == "Ann"


def test_behind_tls_the_cookie_is_for_tls_alone(nobody: TestClient) -> None:
    answer = nobody.post(
        "/api/login", json={"name": "Ann", "password": PASSWORD}, headers={"origin": "https://127.0.0.1"}
    )
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_session_ends_by_logging_out_expiry_and_removal(nobody: TestClient, team: Project) -> None:
    first, second, third = (log_in(nobody, "Ann") for _ in range(3))
    cookies = dict(first.cookies)
    assert first.post("/api/logout").status_code == 200
    assert (
        first.get("/api/people", headers={"cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())}).status_code
        == 401
    )
    assert second.get("/api/people").status_code == 200, "others stay"
    team.write(lambda db: db.execute("UPDATE session SET expires = '2020-01-01T00:00:00.000Z'").rowcount)
    root = log_in(nobody, "Root")
    (ann,) = [item for item in root.get("/api/team").json()["people"] if item["name"] == "Ann"]
    body = {"uuid": str(uuid.uuid4()), "active": False}
    assert root.patch(f"/api/team/{ann['id']}", json=body).json()["active"] is False
    assert third.get("/api/people").status_code == 401
    assert nobody.post("/api/login", json={"name": "Ann", "password": PASSWORD}).status_code == 401


def test_a_new_password_ends_the_other_sessions(nobody: TestClient) -> None:
    here, elsewhere = log_in(nobody, "Ann"), log_in(nobody, "Ann")
    assert here.post("/api/password", json={"old": "wrong", "new": "another password"}).status_code == 422
    assert here.post("/api/password", json={"old": PASSWORD, "new": "short"}).json()["field"] == "new"
    assert here.post("/api/password", json={"old": PASSWORD, "new": "another password"}).status_code == 200
    assert here.get("/api/people").status_code == 200
    assert elsewhere.get("/api/people").status_code == 401
    log_in(nobody, "Ann", "another password")


# ---- trying --------------------------------------------------------------------------------------------------------


def test_guessing_is_slowed_down_by_name(nobody: TestClient) -> None:
    codes = [nobody.post("/api/login", json={"name": "Ann", "password": f"guess {n}"}).status_code for n in range(7)]
    assert codes[:5] == [401] * 5
    assert codes[-1] == 429
    right = nobody.post("/api/login", json={"name": "ANN ", "password": PASSWORD})
    assert (right.status_code, right.json()["error"]) == (429, "too many tries")
    assert int(right.headers["retry-after"]) >= 1
    log_in(nobody, "Root")


def test_an_unknown_name_is_answered_like_a_wrong_password(nobody: TestClient) -> None:
    answers = [nobody.post("/api/login", json={"name": name, "password": "x"}) for name in ("Ann", "Nobody", "dataset")]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert not fits("x", None)


def test_an_unknown_name_costs_as_much_time_as_a_wrong_password() -> None:
    assert extract_parameters(_NOBODYS) == extract_parameters(hash_password(PASSWORD))


def test_waits_double_end_and_are_forgotten_on_success() -> None:
    clock = [0.0]
    attempts = Attempts(Allowance(2, 10.0), lambda: clock[0])
    waits = []
    for _ in range(8):
        attempts.count("ann")
        waits.append(attempts.wait("ann"))
    assert waits == [0, 1, 2, 4, 8, 10, 10, 10]
    clock[0] = 10.0
    assert attempts.wait("ann") == 0
    attempts.succeeded("ann")
    attempts.count("ann")
    assert attempts.wait("ann") == 0


def test_memory_of_tries_is_bounded() -> None:
    attempts = Attempts(Allowance(1, 10.0))
    for number in range(KEPT + 500):
        attempts.count(str(number))
    assert len(attempts) == KEPT


def test_what_counts_as_one_address() -> None:
    assert neighbourhood("::ffff:10.0.0.1") == "10.0.0.1"
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1")
    assert neighbourhood("2001:db8::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("testclient") == "testclient"
