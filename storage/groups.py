"""Groups: images that belong together (a plate, an animal, a product).

No model is judged by one part of a group after it learned from another.
"""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

import random
from collections.abc import Iterable, Iterator

from storage.database import Database
from storage.images import set_split

_OF_REQUEST = """SELECT DISTINCT "group" AS name FROM request_item JOIN image ON image.id = request_item.image
                WHERE request = ? AND "group" IS NOT NULL"""
_ASKED = "EXISTS (SELECT 1 FROM request_item WHERE image = image.id AND left > 0)"
_OPEN = f"state = 'none' AND present = 1 AND NOT {_ASKED}"


def held_groups(db: Database) -> set[str]:
    """Return the groups all of whose images are kept for validation: new images of theirs are kept too."""
    rows = db.execute(
        """SELECT "group" AS name FROM image WHERE "group" IS NOT NULL GROUP BY 1 HAVING min(split = 'val') = 1"""
    )
    return {row["name"] for row in rows}


def belongings(db: Database) -> list[tuple[int, str, bool]]:
    """Return each image to learn from, what it belongs to (its group, else its own file), and whether it is labeled."""
    rows = db.execute(
        """SELECT id, coalesce("group", 'file ' || name) AS belongs, state = 'labeled' AS labeled FROM image
           WHERE present = 1 AND split IN ('train', 'unlabeled')"""
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
    alone = f"""SELECT count(*) FROM image WHERE {_OPEN} AND split IN ('train', 'unlabeled') AND "group" IS NULL"""
    return int(db.execute(alone).fetchone()[0]) + sum(free_groups(db, room).values())


def groups_of(db: Database, request: int) -> set[str]:
    """Return the groups that images of a request are of."""
    return {row["name"] for row in db.execute(_OF_REQUEST, (request,))}


def keep_whole(db: Database, request: int) -> None:
    """Keep what belongs to the images of a request, and has no label, for validation like them."""
    db.execute(
        f"""UPDATE image SET split = 'val'
            WHERE split IN ('train', 'unlabeled') AND state = 'none' AND "group" IN ({_OF_REQUEST})""",
        (request,),
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


def draw_to_keep(db: Database, count: int, room: int, held: set[str]) -> list[int]:
    """Draw unlabeled images uniformly, to be kept for validation with all images of their groups.

    An image whose group has labels to learn from, or does not fit into `room`, is passed over.

    Args:
        db: the database.
        count: images to draw; fewer come where there are no more.
        room: how many images may be kept for them, the rest of their groups included.
        held: groups that are kept already: their images take no room.
    """
    sizes = free_groups(db, room)
    held = set(held)
    drawn: list[int] = []
    for image, group in _shuffled(db, held | sizes.keys()):
        if len(drawn) == count:
            break
        taken = 0 if group in held else 1 if group is None else sizes[group]
        if taken <= room:
            room -= taken
            drawn.append(image)
            held |= {group} if group else set()
    return drawn


def _shuffled(db: Database, groups: set[str]) -> Iterator[tuple[int, str | None]]:
    """Yield the images that may be drawn, those of no group and those of `groups`, in random order."""
    rows = db.execute(
        f"""SELECT id, "group" AS name FROM image
            WHERE {_OPEN} AND (split IN ('train', 'unlabeled') OR split = 'val' AND "group" IS NOT NULL)"""
    )
    pool = [(image, name) for image, name in map(tuple, rows) if name is None or name in groups]
    generator = random.SystemRandom()
    for place in range(len(pool)):  # Fisher and Yates' shuffle, as far as it is asked for
        other = generator.randrange(place, len(pool))
        pool[place], pool[other] = pool[other], pool[place]
        yield pool[place]
