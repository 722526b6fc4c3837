"""What people skipped: an image comes back once to whoever skipped it, after all else; a second skip is a last word.

What everybody skipped so is stuck: it stays asked for, and whoever comes new is given it, but nobody waits for it.
"""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

from dataclasses import dataclass

from storage.database import Database
from storage.people import DATASET
from storage.records import State

LAST_WORD = 2
"""So many skips of an image by one person."""
DAYS = 7
"""Who said nothing for so long before the newest answer no longer labels: people try an app once and go."""


@dataclass(frozen=True)
class Stuck:
    """Answers that a request wants of an image, and that nobody who labels will give.

    Attributes:
        request: that wants them.
        image: whose state is `state`.
        answers: how many.
        control: whether the request is a control sample.
    """

    request: int
    image: int
    answers: int
    control: bool
    state: State


_SKIPS = "(SELECT count(*) FROM lease WHERE lease.person = {} AND lease.image = image.id AND lease.state = 'skipped')"

_SKIPPED_ITEMS = """FROM image INDEXED BY image_skipped
CROSS JOIN request_item AS item INDEXED BY request_item_image ON item.image = image.id
WHERE image.skips > 0 AND image.present = 1"""  # few rows, however many images there are

_COMING_BACK = f"""
SELECT item.request, item.image {_SKIPPED_ITEMS} AND item.free > 0
  AND {_SKIPS.format(":person")} BETWEEN 1 AND {LAST_WORD - 1}
  AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.person = :person AND lease.image = image.id
                  AND (lease.state = 'active' OR lease.state = 'done' AND lease.request = item.request))
  AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.image = image.id AND lease.state = 'active'
                  AND lease.request IS NOT item.request)
ORDER BY item.request, coalesce(item.turn, item.rank) LIMIT :count
"""

_STUCK = f"""
WITH heard AS MATERIALIZED (
    SELECT id, julianday((SELECT created FROM label_event WHERE person = person.id ORDER BY id DESC LIMIT 1)) AS latest
    FROM person WHERE active AND folded <> '{DATASET}'),
labeler AS MATERIALIZED (SELECT id FROM heard WHERE latest >= (SELECT max(latest) FROM heard) - {DAYS})
SELECT item.request, item.image, item.left, image.state,
       (SELECT purpose FROM request WHERE request.id = item.request) = 'control' AS control
{_SKIPPED_ITEMS} AND item.left > 0
  AND EXISTS (SELECT 1 FROM labeler)
  AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.image = image.id AND lease.state = 'active')
  AND NOT EXISTS (
    SELECT 1 FROM labeler WHERE {_SKIPS.format("labeler.id")} < {LAST_WORD}
    AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.person = labeler.id AND lease.image = image.id
                    AND lease.state = 'done' AND lease.request = item.request))
ORDER BY item.request, item.rank
"""


def coming_back(db: Database, person: int, count: int) -> list[tuple[int, int]]:
    """Return (request, image) of what a person skipped and is asked about once more, in the order of the requests."""
    rows = db.execute(_COMING_BACK, {"person": person, "count": count})
    return [(row["request"], row["image"]) for row in rows]


def stuck_items(db: Database) -> list[Stuck]:
    """Return what is asked for in vain: everybody who labels has answered it or skipped it for good."""
    return [
        Stuck(row["request"], row["image"], row["left"], bool(row["control"]), row["state"])
        for row in db.execute(_STUCK)
    ]
