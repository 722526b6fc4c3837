"""The grid: unlabeled images by what a model takes them for, similar ones side by side."""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

from operator import itemgetter

from storage.classes import with_merged
from storage.clock import Instant
from storage.database import Database
from storage.holding import leases_of, renew
from storage.leases import lease_one, room
from storage.records import Lease
from storage.splits import LEARNED_FROM

_UNLABELED = f"image.state = 'none' AND image.present = 1 AND image.{LEARNED_FROM}"
_COUNTED = f"""
SELECT prediction.class, count(*), sum(prediction.probability)
FROM image INDEXED BY image_state CROSS JOIN prediction ON prediction.image = image.id
WHERE image.class IS NULL AND image.id > ? AND image.id <= ? AND {_UNLABELED} GROUP BY prediction.class
"""
_AT_ONCE = 4096
_PAGE = f"""
SELECT image.id, prediction.place,
       (SELECT token FROM lease WHERE lease.image = image.id AND lease.person = :person AND lease.client = :client
        AND lease.state = 'active') AS held
FROM prediction INDEXED BY prediction_class CROSS JOIN image ON image.id = prediction.image
WHERE prediction.class = :class AND {_UNLABELED}
  AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.image = image.id AND lease.state = 'active'
                  AND (lease.person <> :person OR lease.client <> :client))
  AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.image = image.id AND lease.person = :person
                  AND lease.state IN ('skipped', 'done'))
  AND NOT EXISTS (SELECT 1 FROM request_item JOIN request ON request.id = request_item.request
                  WHERE request_item.image = image.id AND request_item.left > 0 AND request.blind)
ORDER BY prediction.place LIMIT :count
"""


def unlabeled_predicted(db: Database) -> list[tuple[int, int, float]]:
    """Return (class, images, mean probability) of what is predicted and unlabeled, by class.

    Counted a few thousand ids at a time: grouping a million images at once sorts them all, which takes seconds.
    """
    found: dict[int, tuple[int, float]] = {}
    roots = {row[0]: row[1] for row in db.execute("SELECT id, coalesce(merged_into, id) FROM class")}
    last = db.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0]
    for start in range(0, last, _AT_ONCE):
        for predicted, images, sure in db.execute(_COUNTED, (start, start + _AT_ONCE)):
            before = found.get(roots[predicted], (0, 0.0))
            found[roots[predicted]] = (before[0] + images, before[1] + sure)
    return [(root, images, sure / images) for root, (images, sure) in sorted(found.items())]


def count_predicted(db: Database, class_id: int) -> int:
    """Return how many unlabeled images are predicted to be of a class."""
    counted = f"""SELECT count(*) FROM prediction JOIN image ON image.id = prediction.image
                  WHERE prediction.class = ? AND {_UNLABELED}"""
    return sum(db.execute(counted, (member,)).fetchone()[0] for member in with_merged(db, class_id))


def lease_predicted(
    db: Database, class_id: int, person: int, client: str, count: int, at: Instant, term: float
) -> list[Lease]:
    """Lease images predicted to be of a class, similar ones side by side; requested ones by their request.

    Images of a blind request and those in others' hands, or in another tab, are left out; those that this tab holds
    already stay under the leases it has of them.
    """
    wanted = {"class": class_id, "count": count, "person": person, "client": client}
    rows = [
        row
        for member in with_merged(db, class_id)  # of each in the order of the index: a page of 48 reads few rows
        for row in db.execute(_PAGE, {**wanted, "class": member})
    ]
    nearest = sorted(rows, key=itemgetter("place"))[:count]
    held = {row["id"]: row["held"] for row in nearest if row["held"] is not None}
    fresh = [row["id"] for row in nearest if row["id"] not in held][: room(db, person)]
    renew(db, list(held.values()), person, client, at, term)
    taken = {image: lease_one(db, image, _asking(db, image), person, client, at, term) for image in fresh}
    taken |= {lease.image: lease for lease in leases_of(db, list(held.values()))}
    return [taken[row["id"]] for row in nearest if row["id"] in taken]


def _asking(db: Database, image: int) -> int | None:
    row = db.execute(
        "SELECT min(request) AS request FROM request_item WHERE image = ? AND free > 0", (image,)
    ).fetchone()
    request: int | None = row["request"]
    return request
