"""How long and how large what is sent may be: the last value that docs/api.md allows is taken, the next is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from labeling.wire.classes import ClassChange
from labeling.wire.exports import ExportIn
from labeling.wire.labels import EventIn, GridIn, LabelsIn, LeaseIn
from labeling.wire.requests import RequestIn
from tests.labeling.conftest import new

EVENT = {"uuid": new(), "kind": "skip", "image": 1}

BOUNDS: dict[str, tuple[Callable[..., object], str, list[Any], list[Any]]] = {
    "client": (lambda **sent: LeaseIn(count=1, **sent), "client", ["x", "x" * 64], ["", "x" * 65]),
    "leased": (lambda **sent: LeaseIn(client="x", **sent), "count", [0, 200], [-1, 201]),
    "grid": (lambda **sent: GridIn.model_validate({"client": "x", "class": 1, **sent}), "count", [1, 200], [0, 201]),
    "events": (lambda **sent: LabelsIn(client="x", **sent), "events", [[EVENT], [EVENT] * 500], [[], [EVENT] * 501]),
    "looked": (lambda **sent: EventIn.model_validate(EVENT | sent), "looked_ms", [0, 2**31 - 1], [-1, 2**31]),
    "image": (lambda **sent: EventIn.model_validate(EVENT | sent), "image", [0, 2**53 - 1], [-1, 2**53]),
    "overlap": (lambda **sent: RequestIn(uuid=new(), **sent), "overlap", [1, 20], [0, 21]),
    "random": (lambda **sent: RequestIn(uuid=new(), **sent), "random", [1, 100_000], [0, 100_001]),
    "items": (
        lambda **sent: RequestIn(uuid=new(), **sent),
        "items",
        [[{"file": "x", "score": 1e300}]],
        [[], [{"file": "x", "score": float("inf")}]],
    ),
    "position": (lambda **sent: ClassChange(uuid=new(), **sent), "position", [0, 99_999], [-1, 100_000]),
    "export": (
        lambda **sent: ExportIn(uuid=new(), format="csv", **sent),
        "name",
        ["x" * 80, "a.b-c_1"],
        ["x" * 81, ".x", "-x", "..", "a/b", "x\n"],
    ),
}


@pytest.mark.parametrize("about", BOUNDS)
def test_what_is_just_allowed_is_taken_and_the_next_is_refused(about: str) -> None:
    make, field, allowed, refused = BOUNDS[about]
    for value in allowed:
        make(**{field: value})
    for value in refused:
        with pytest.raises(ValidationError, match=field):
            make(**{field: value})
