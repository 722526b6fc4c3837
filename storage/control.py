"""The control sample: random images, asked about blindly, that measure all models. Its size may change at first."""
# ruff: noqa: S608 - what is put into SQL here are constants of this package

from dataclasses import dataclass

from storage.database import Database
from storage.errors import Refused
from storage.groups import (
    ControlPool,
    count_companions,
    count_to_keep,
    draw_to_keep,
    groups_of,
    keep_whole,
    let_go,
    make_pool,
)
from storage.images import set_split
from storage.predictions import LEARNED
from storage.records import NewItem
from storage.requests import add_request
from storage.rights import OWED, told
from storage.settings import get_setting
from storage.skipping import stuck_items
from storage.splits import LEARNED_FROM, count_learnable
from storage.suspects import count_suspects

ONE_IN = 4
"""At most one in so many images is in the control sample, so that three are left to learn from, labeled or not.

Taking a third instead of a fifth would let the accuracy be known better by a fifth of its interval only, which shrinks
with the root of the sample; each image in it is lost for learning for good. A quarter is what is usually held out where
a small dataset is split once. With 800 images and more it is the wished size that counts.
"""

_LEARNABLE = f"FROM image WHERE {LEARNED_FROM} AND present = 1 AND state <> 'rejected'"


@dataclass(frozen=True)
class Control:
    """The control sample.

    Attributes:
        request: that it is.
        items: its images.
        left: answers missing that somebody may still give.
        begun: whether anybody has answered.
    """

    request: int
    items: int
    left: int
    begun: bool


@dataclass(frozen=True)
class Counts:
    """Counts that the next step follows from; images whose file is gone are in none of them.

    Attributes:
        images: all of them.
        learns: whether there are the two images to learn from that training needs.
        validation: labeled ones that are kept for validation; those of the test split are not.
        left: answers that requests other than control samples want and that somebody may still give.
        predicted: whether there are predictions.
        new_labels: labels to learn from that the predictions do not know yet.
        undecided: images without a label that everybody who labels skipped for good.
        suspects: labels that the other labels speak against.
        disputed: images to which people gave different answers.
    """

    images: int
    learns: bool
    validation: int
    left: int
    predicted: bool
    new_labels: int
    undecided: int = 0
    suspects: int = 0
    disputed: int = 0


def find_control(db: Database) -> Control | None:
    """Return the control sample asked for first, None where there is none."""
    row = db.execute("SELECT * FROM request WHERE purpose = 'control' AND items > 0 ORDER BY id LIMIT 1").fetchone()
    if row is None:
        return None
    begun = row["left"] < row["items"] * row["overlap"] or _is_answered(db, row["id"])
    in_vain = sum(item.answers for item in stuck_items(db) if item.request == row["id"])
    return Control(row["id"], row["items"], row["left"] - in_vain, begun)


def control_pool(db: Database) -> ControlPool:
    """Return what `resize_control` draws from; it reads all images, so make it before the write."""
    control = find_control(db)
    held = set() if control is None else groups_of(db, control.request)
    return make_pool(db, _room(db, _kept(db, control)), held)


def resize_control(db: Database, count: int, pool: ControlPool) -> Control:
    """Make the control sample one of `count` random images, or make it where there is none.

    What is drawn more is drawn at random too, and what is left out is the end of a random order, so that it stays a
    uniform sample.

    Args:
        db: the database, inside a transaction.
        count: images, at least 1; as many as `largest_control` allows where those are fewer.
        pool: what is drawn from.

    Raises:
        Refused: somebody has answered in it, or there are too few unlabeled images.
    """
    control = find_control(db)
    if control is not None and control.begun:
        raise Refused("the control sample has answers already", "count", "its size stays as it is")
    kept = _kept(db, control)
    room = _room(db, kept)
    size = min(count, kept + room)
    if control is None:
        ask_control(db, size, pool)
    elif size > control.items:
        _append(db, control, size - control.items, room, pool)
    elif size > 0:
        _cut(db, control, size)
    found = find_control(db) if size > 0 else None
    if found is None:
        raise Refused(
            "too few images have no label, or are of a small group", "count", "add images, then read the folder anew"
        )
    return found


def largest_control(db: Database, control: Control | None) -> int:
    """Return how many images the control sample may have at most: as many as it has, once somebody has answered in it.

    Where images have groups, a sample may come out smaller than that: whole groups leave learning with it. They are
    all read then, which takes a tenth of a second for 200,000 images.

    Args:
        db: the database.
        control: the present one, whose images may be drawn anew; None where there is none.
    """
    if control is not None and control.begun:
        return control.items
    kept = _kept(db, control)
    room = _room(db, kept)
    return min(kept + room, kept + count_to_keep(db, room))


def _kept(db: Database, control: Control | None) -> int:
    """Return how many images a control sample keeps, those that belong to its own among them."""
    return 0 if control is None else control.items + count_companions(db, control.request)


def _room(db: Database, kept: int) -> int:
    """Return how many images may leave learning beside the `kept` ones."""
    return (kept + count_learnable(db)) // ONE_IN - kept


def count_all(db: Database, asker: int | None = None) -> Counts:
    """Count what the next step follows from; call it inside one read transaction.

    Suspects and disputes on images that `asker` is still to answer are not counted, and what others answered of the
    validation split is a label; None: all of it as it is.
    """
    images = _one(db, "SELECT count(*) FROM image") - _one(db, "SELECT count(*) FROM image WHERE present = 0")
    learns = _one(
        db,
        f"SELECT count(*) FROM (SELECT 1 {_LEARNABLE} LIMIT 2)",
    )
    left = _one(db, "SELECT coalesce(sum(left), 0) FROM request WHERE purpose <> 'control'")
    learned = get_setting(db, LEARNED)
    new = _one(
        db,
        f"""SELECT count(*) FROM label_event CROSS JOIN image ON image.id = label_event.image
           WHERE label_event.id > ? AND image.event = label_event.id AND image.state = 'labeled'
             AND image.present = 1 AND image.{LEARNED_FROM}""",
        learned or 0,
    )
    stuck = stuck_items(db)
    left -= sum(item.answers for item in stuck if not item.control)
    undecided = len({item.image for item in stuck if item.state == "none"})
    return Counts(
        images, learns == 2, _count_judged(db, asker), left, learned is not None, new, undecided,
        suspects=count_suspects(db, asker),
        disputed=_count_disputed(db, asker),
    )  # fmt: skip


def _count_judged(db: Database, asker: int | None) -> int:
    kept = "" if asker is None else f"OR event IS NOT NULL AND {OWED.format(image='image.id')}"
    judged = f"split = 'val' AND present = 1 AND (state = 'labeled' {kept})"
    sql = f"SELECT count(*) FROM image INDEXED BY image_split WHERE {judged}"
    return int(db.execute(sql, {"asker": asker}).fetchone()[0])


def _count_disputed(db: Database, asker: int | None) -> int:
    sql = f"SELECT count(*) FROM image WHERE state = 'disputed' AND +present = 1 AND {told('image.id', asker)}"
    return int(db.execute(sql, {"asker": asker}).fetchone()[0])


def _one(db: Database, sql: str, *values: int) -> int:
    return int(db.execute(sql, values).fetchone()[0])


def _is_answered(db: Database, request: int) -> bool:
    sql = "SELECT 1 FROM lease WHERE request = ? AND state IN ('done', 'skipped') LIMIT 1"
    return db.execute(sql, (request,)).fetchone() is not None


def _items(images: list[int]) -> list[NewItem]:
    return [NewItem(image, "random", None, "control sample, drawn at random") for image in images]


def ask_control(db: Database, count: int, pool: ControlPool) -> None:
    """Ask for a uniform random sample of unlabeled images, blind: the validation set of all rounds.

    It has `count` images, or as many as `largest_control` allows where those are fewer. Whole groups leave learning.
    """
    drawn = draw_to_keep(db, pool, count, _room(db, 0), held=set())
    if drawn:
        added = add_request(db, _items(drawn), purpose="control", strategy="random")
        keep_whole(db, added.id, pool)


def _append(db: Database, control: Control, count: int, room: int, pool: ControlPool) -> None:
    drawn = draw_to_keep(db, pool, count, room, held=groups_of(db, control.request))
    db.executemany(
        """INSERT INTO request_item (request, rank, image, strategy, score, reason, free, left)
           VALUES (?, ?, ?, ?, ?, ?, 1, 1)""",
        [
            (control.request, rank, item.image, item.strategy, item.score, item.reason)
            for rank, item in enumerate(_items(drawn), start=control.items + 1)
        ],
    )
    set_split(db, drawn, "val")
    keep_whole(db, control.request, pool)


def _cut(db: Database, control: Control, count: int) -> None:
    """Leave the end out: nobody is asked about those images any more, and they may be learned from again.

    Not so where others of their group stay in the sample.
    """
    before = groups_of(db, control.request)
    rows = db.execute("SELECT image FROM request_item WHERE request = ? AND rank > ?", (control.request, count))
    images = [row["image"] for row in rows]
    db.execute("DELETE FROM request_item WHERE request = ? AND rank > ?", (control.request, count))
    db.executemany(
        "UPDATE lease SET state = 'void' WHERE request = ? AND image = ? AND state = 'active'",
        [(control.request, image) for image in images],
    )
    db.execute(
        """UPDATE request SET items = (SELECT count(*) FROM request_item WHERE request = request.id),
                              left = (SELECT coalesce(sum(left), 0) FROM request_item WHERE request = request.id)
           WHERE id = ?""",
        (control.request,),
    )
    let_go(db, images, before - groups_of(db, control.request))
