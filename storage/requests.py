"""Requests: which images people are asked about, why, and by how many."""
# ruff: noqa: S608 - what is put into SQL here are constants of this package

import json
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from storage.clock import now
from storage.database import Database, Row
from storage.errors import Refused
from storage.images import set_split
from storage.people import DATASET
from storage.records import Neighbour, NewItem, Purpose, Request, Why
from storage.splits import LEARNED_FROM


@dataclass(frozen=True)
class Added:
    """A new request: how many images it asks about, and how many were left out, by reason."""

    id: int
    items: int
    left_out: Mapping[str, int]


def add_request(
    db: Database, items: Sequence[NewItem], *, purpose: Purpose, strategy: str | None, overlap: int = 1
) -> Added:
    """Ask about images, in the given order.

    Left out are images that need no answer: labeled, rejected or disputed ones, those asked about already, those
    whose file is gone, and those that are kept for validation. The images of a control sample join the validation
    split for good.

    Raises:
        Refused: none of them needs an answer.
    """
    left_out: Counter[str] = Counter()
    wanted: dict[int, NewItem] = {}
    doubts = _doubts(db, {item.image for item in items}, purpose)
    for item in items:
        doubt = "named twice" if item.image in wanted else doubts[item.image]
        if doubt:
            left_out[doubt] += 1
        else:
            wanted[item.image] = item
    if not wanted:
        why = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        raise Refused(f"none of its images needs an answer ({why or 'it names none'})", "items", "ask about others")
    event = latest_event(db)
    row = db.execute("INSERT INTO round (event, created) VALUES (?, ?) RETURNING id", (event, now())).fetchone()
    request = db.execute(
        """INSERT INTO request (round, purpose, strategy, overlap, blind, created) VALUES (?, ?, ?, ?, ?, ?)
           RETURNING id""",
        (row["id"], purpose, strategy, overlap, purpose == "control", now()),
    ).fetchone()["id"]
    db.executemany(
        """INSERT INTO request_item (request, rank, image, strategy, score, reason, free, left)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (request, rank, item.image, item.strategy, item.score, item.reason, overlap, overlap)
            for rank, item in enumerate(wanted.values(), start=1)
        ],
    )
    if purpose == "control":
        set_split(db, wanted, "val")
    return Added(request, len(wanted), dict(left_out))


def why_not(db: Database, image: int, purpose: Purpose) -> str | None:
    """Return why an image needs no answer for this purpose, None where it does."""
    return _doubts(db, {image}, purpose)[image]


def _doubts(db: Database, images: Collection[int], purpose: Purpose) -> dict[int, str | None]:
    """Return why each image needs no answer, by one query: a request may be of many, while all labels wait."""
    rows = db.execute(
        """SELECT wanted.value AS image, present, state, split,
                  EXISTS (SELECT 1 FROM request_item WHERE image = wanted.value AND left > 0) AS asked
           FROM json_each(?) AS wanted LEFT JOIN image ON image.id = wanted.value""",
        (json.dumps(list(images)),),
    )
    return {row["image"]: _doubt(row, purpose) for row in rows}


def _doubt(row: Row, purpose: Purpose) -> str | None:
    if not row["present"]:  # null where there is no such image
        return "no such file"
    if purpose == "repeat":
        return None
    if row["state"] != "none":
        return f"already {row['state']}"
    if row["split"] in ("val", "test"):
        return "kept for validation"
    return "already asked for" if row["asked"] else None


_DRAWABLE = f"""FROM image WHERE state = 'none' AND present = 1 AND {LEARNED_FROM}
               AND NOT EXISTS (SELECT 1 FROM request_item WHERE image = image.id AND left > 0)"""


def draw_unlabeled(db: Database, count: int, seed: int | None = None) -> list[int]:
    """Draw images uniformly among those that nobody has answered or is asked about, outside validation."""
    return _sample(db, f"SELECT id {_DRAWABLE} ORDER BY id", count, seed)


def draw_answered(db: Database, count: int) -> list[int]:
    """Draw images uniformly among those that people agreed on and that nobody is asked about, outside validation.

    Labels that came with the images are nobody's answers. What judges stays blind: who repeats sees the guesses.
    """
    sql = f"""SELECT id FROM image WHERE state IN ('labeled', 'rejected') AND present = 1
                AND {LEARNED_FROM}
                AND NOT EXISTS (SELECT 1 FROM request_item WHERE image = image.id AND left > 0)
                AND EXISTS (SELECT 1 FROM label_event JOIN person ON person.id = label_event.person
                            WHERE image = image.id AND kind IN ('label', 'reject') AND folded <> '{DATASET}')
              ORDER BY id"""
    return _sample(db, sql, count, None)


def _sample(db: Database, sql: str, count: int, seed: int | None) -> list[int]:
    pool = [row["id"] for row in db.execute(sql).fetchall()]
    generator = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - a sample, no secret
    return generator.sample(pool, min(count, len(pool)))


def list_requests(db: Database, *, finished: bool = False) -> list[Request]:
    """Return the requests that still want answers, or all of them; the first asked first."""
    rows = db.execute("SELECT * FROM request WHERE left > 0 OR ? ORDER BY id", (finished,))
    return [
        Request(
            row["id"], row["purpose"], row["strategy"], row["overlap"], bool(row["blind"]), row["created"],
            row["items"], row["left"],
        )
        for row in rows
    ]  # fmt: skip


def answers_left(db: Database) -> int:
    """Return how many answers the open requests still want."""
    return int(db.execute("SELECT coalesce(sum(left), 0) FROM request").fetchone()[0])


def ever_asked(db: Database) -> bool:
    """Return whether anybody was ever asked for a label."""
    return db.execute("SELECT 1 FROM request LIMIT 1").fetchone() is not None


def latest_event(db: Database) -> int:
    """Return the number of the newest label event, 0 where there is none."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM label_event").fetchone()[0])


def open_images(db: Database) -> list[tuple[int, int]]:
    """Return (request, image) of every item that still wants an answer."""
    return [(row[0], row[1]) for row in db.execute("SELECT request, image FROM request_item WHERE left > 0")]


def put_neighbours(db: Database, request: int, image: int, neighbours: Iterable[tuple[int, float]]) -> None:
    """Note which labeled images lie nearest to one that is asked for, with their similarities."""
    value = json.dumps([[near, round(similarity, 4)] for near, similarity in neighbours])
    db.execute("UPDATE request_item SET neighbours = ? WHERE request = ? AND image = ?", (value, request, image))


_WHY = """SELECT request_item.*, request.purpose, request.blind, request.strategy AS of_all
         FROM request_item JOIN request ON request.id = request_item.request"""


def why_asked(db: Database, image: int, request: int | None = None) -> Why | None:
    """Return why an image is (or was last) asked for, by the given request or the newest; None if it never was."""
    row = db.execute(
        f"{_WHY} WHERE request_item.image = ? AND request_item.request = coalesce(?, request_item.request) "
        "ORDER BY request_item.left > 0 DESC, request_item.request DESC LIMIT 1",
        (image, request),
    ).fetchone()
    return None if row is None else _why(db, row)


def _why(db: Database, row: Row) -> Why:
    near = json.loads(row["neighbours"] or "[]")
    facts = {
        image: db.execute("SELECT sha256, class FROM image WHERE id = ?", (image,)).fetchone() for image, _ in near
    }
    return Why(
        request=row["request"], purpose=row["purpose"], blind=bool(row["blind"]), open=row["left"] > 0,
        rank=row["rank"], strategy=row["strategy"] or row["of_all"], score=row["score"], reason=row["reason"],
        neighbours=tuple(
            Neighbour(image, facts[image]["sha256"], facts[image]["class"], similarity) for image, similarity in near
        ),
    )  # fmt: skip
