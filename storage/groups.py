"""Groups: images that belong together (a plate, an animal, a product).

No model is judged by one part of a group after it learned from another.
"""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from storage.database import Database
from storage.images import set_split
from storage.splits import LEARNED_FROM, count_drawable

_OF_REQUEST = """SELECT DISTINCT "group" AS name FROM request_item JOIN image ON image.id = request_item.image
                WHERE request = ? AND "group" IS NOT NULL"""
_ASKED = "EXISTS (SELECT 1 FROM request_item WHERE image = image.id AND left > 0)"
_OPEN = f"state = 'none' AND present = 1 AND NOT {_ASKED}"
_MAY_BE_DRAWN = f"{_OPEN} AND ({LEARNED_FROM} OR split = 'val' AND \"group\" IS NOT NULL)"


@dataclass(frozen=True)
class ControlPool:
    """What may be drawn to be kept for validation, looked up before the write that does it.

    Attributes:
        images: each with its group; a draw puts them in another order.
        members: all images of the groups among them.
        last: the newest image there was: what a later one belongs to is looked up again.
    """

    images: list[tuple[int, str | None]]
    members: Mapping[str, list[int]]
    last: int


def held_groups(db: Database) -> set[str]:
    """Return the groups all of whose images are kept for validation: new images of theirs are kept too."""
    rows = db.execute(
        """SELECT "group" AS name FROM image WHERE "group" IS NOT NULL GROUP BY 1 HAVING min(split = 'val') = 1"""
    )
    return {row["name"] for row in rows}


def control_groups(db: Database) -> set[str]:
    """Return the groups that images of control samples are of."""
    rows = db.execute("SELECT id FROM request WHERE purpose = 'control'").fetchall()
    return {name for row in rows for name in groups_of(db, row["id"])}


def belongings(db: Database) -> list[tuple[int, str, bool]]:
    """Return each image to learn from, what it belongs to (its group, else its own file), and whether it is labeled."""
    rows = db.execute(
        f"""SELECT id, coalesce("group", 'file ' || name) AS belongs, state = 'labeled' AS labeled FROM image
           WHERE present = 1 AND {LEARNED_FROM}"""
    )
    return [(row["id"], row["belongs"], bool(row["labeled"])) for row in rows]


def free_groups(db: Database, most: int) -> dict[str, int]:
    """Return groups of at most `most` images, none of them labeled, asked about or kept already, with their sizes."""
    rows = db.execute(
        f"""SELECT "group" AS name, count(*) AS images FROM image WHERE "group" IS NOT NULL
            GROUP BY 1 HAVING images <= ? AND max(state <> 'none' OR split IN ('val', 'test') OR {_ASKED}) = 0""",
        (most,),
    )
    return {row["name"]: row["images"] for row in rows}


def count_companions(db: Database, request: int) -> int:
    """Return how many images are kept for validation beside those of a request because they belong to them."""
    row = db.execute(
        f"""SELECT count(*) FROM image WHERE split = 'val' AND "group" IN ({_OF_REQUEST})
            AND id NOT IN (SELECT image FROM request_item WHERE request = ?)""",
        (request, request),
    ).fetchone()
    return int(row[0])


def count_to_keep(db: Database, room: int) -> int:
    """Return how many images `draw_to_keep` draws from where no group is kept yet."""
    if db.execute("""SELECT 1 FROM image WHERE "group" IS NOT NULL LIMIT 1""").fetchone() is None:
        return count_drawable(db)
    alone = f"""SELECT count(*) FROM image WHERE {_OPEN} AND {LEARNED_FROM} AND "group" IS NULL"""
    return int(db.execute(alone).fetchone()[0]) + sum(free_groups(db, room).values())


def groups_of(db: Database, request: int) -> set[str]:
    """Return the groups that images of a request are of."""
    return {row["name"] for row in db.execute(_OF_REQUEST, (request,))}


def keep_whole(db: Database, request: int, pool: ControlPool) -> None:
    """Keep what belongs to the images of a request, and has no label, for validation like them."""
    groups = groups_of(db, request)
    images = [image for name in groups for image in pool.members.get(name, [])]
    images += [image for image, name in _newer(db, pool) if name in groups]
    db.executemany(
        f"UPDATE image SET split = 'val' WHERE id = ? AND {LEARNED_FROM} AND state = 'none'",
        [(image,) for image in images],
    )


def let_go(db: Database, images: Iterable[int], groups: set[str]) -> None:
    """Let images without a group, and all images of groups, be learned from again."""
    alone = set(images)
    rows = db.execute("""SELECT id, "group" AS name FROM image WHERE split = 'val'""").fetchall()
    set_split(
        db,
        [row["id"] for row in rows if (row["id"] in alone if row["name"] is None else row["name"] in groups)],
        "unlabeled",
    )


def make_pool(db: Database, most: int, held: set[str]) -> ControlPool:
    """Return what may be drawn, to be kept with all images of its group.

    It reads all images, so whoever labels waits for it inside a write; `draw_to_keep` looks again at what it draws.

    Args:
        db: the database.
        most: images of a group at most.
        held: groups that are kept already.
    """
    groups = held | free_groups(db, most).keys()
    members: dict[str, list[int]] = {name: [] for name in groups}
    for row in db.execute("""SELECT id, "group" AS name FROM image WHERE "group" IS NOT NULL""") if groups else ():
        if row["name"] in groups:
            members[row["name"]].append(row["id"])
    rows = map(tuple, db.execute(f"""SELECT id, "group" FROM image WHERE {_MAY_BE_DRAWN}"""))
    images = [(image, name) for image, name in rows if name is None or name in groups]
    return ControlPool(images, members, _last(db))


def draw_to_keep(db: Database, pool: ControlPool, count: int, room: int, held: set[str]) -> list[int]:
    """Draw unlabeled images uniformly, to be kept for validation with all images of their groups.

    An image whose group has labels to learn from, or does not fit into `room`, is passed over, and so is what was
    answered, asked about or kept since the pool was made.

    Args:
        db: the database.
        pool: what may be drawn.
        count: images to draw; fewer come where there are no more.
        room: how many images may be kept for them, the rest of their groups included.
        held: groups that are kept already: their images take no room.
    """
    held = set(held)
    grown = {name for _, name in _newer(db, pool)}
    drawn: list[int] = []
    for image, group in _shuffled(pool.images):
        if len(drawn) == count:
            break
        taken = 0 if group in held else 1 if group is None else len(pool.members[group])
        if taken <= room and _may_be_drawn(db, image) and (taken == 0 or _is_free(db, group, pool, grown)):
            room -= taken
            drawn.append(image)
            held |= {group} if group else set()
    return drawn


def _may_be_drawn(db: Database, image: int) -> bool:
    return db.execute(f"SELECT 1 FROM image WHERE id = ? AND {_MAY_BE_DRAWN}", (image,)).fetchone() is not None


def _is_free(db: Database, group: str | None, pool: ControlPool, grown: set[str | None]) -> bool:
    """Say whether a group is whole in the pool, and none of it labeled, asked about or kept by now."""
    if group is None:
        return True
    taken = f"SELECT 1 FROM image WHERE id = ? AND (state <> 'none' OR split IN ('val', 'test') OR {_ASKED})"
    return group not in grown and all(db.execute(taken, (image,)).fetchone() is None for image in pool.members[group])


def _newer(db: Database, pool: ControlPool) -> list[tuple[int, str | None]]:
    """Return the images with a group that came since the pool was made."""
    rows = db.execute("""SELECT id, "group" FROM image WHERE id > ? AND +"group" IS NOT NULL""", (pool.last,))
    return [(row[0], row[1]) for row in rows]


def _last(db: Database) -> int:
    return int(db.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0])


def _shuffled(images: list[tuple[int, str | None]]) -> Iterator[tuple[int, str | None]]:
    """Yield images in random order (Fisher and Yates' shuffle, as far as it is asked for)."""
    generator = random.SystemRandom()
    for place in range(len(images)):
        other = generator.randrange(place, len(images))
        images[place], images[other] = images[other], images[place]
        yield images[place]
