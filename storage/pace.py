"""How fast people label, and how far they agree."""
# ruff: noqa: S608 - what is put into SQL here are constants of this package

from dataclasses import dataclass

from storage.database import Database
from storage.people import DATASET
from storage.rights import told

BREAK_SECONDS = 120
"""A longer gap between two answers of a person is a break and counts as no work; so does one below 0, of a clock set
back."""
RECENT = 10_000
"""Newest events that the pace is taken from, so that a large project is counted as quickly as a small one."""
COMPARED = 5_000
"""Newest images with several answers that agreement is taken from."""


@dataclass(frozen=True)
class Pace:
    """One person's work among the newest events: answers that stand, and those that came within a break of the last.

    Attributes:
        person, name: who.
        answers: labels, rejections and decisions that were not taken back.
        paced: answers whose gap to the one before is work.
        seconds: the sum of those gaps.
    """

    person: int
    name: str
    answers: int
    paced: int
    seconds: float

    @property
    def per_hour(self) -> float | None:
        """Answers an hour of work; None where there are fewer than ten to tell by."""
        return 3600 * self.paced / self.seconds if self.paced >= 10 and self.seconds > 0 else None


@dataclass(frozen=True)
class Agreement:
    """Two people, the images both answered, and on how many of them their answers are the same."""

    person: int
    other: int
    images: int
    same: int


def paces(db: Database) -> list[Pace]:
    """Return how fast everybody worked, the one with most answers first; imported labels are nobody's work."""
    rows = db.execute(
        """WITH gaps AS (
             SELECT person,
                    (julianday(created) - julianday(lag(created) OVER (PARTITION BY person ORDER BY id))) * 86400 AS gap
             FROM standing
             WHERE id > (SELECT coalesce(max(id), 0) FROM label_event) - ?
               AND kind IN ('label', 'reject', 'confirm') AND source NOT IN ('import', 'prelabel'))
           SELECT person.id, person.name, count(*) AS answers, coalesce(sum(gap BETWEEN 0 AND ?), 0) AS paced,
                  coalesce(sum(CASE WHEN gap BETWEEN 0 AND ? THEN gap END), 0) AS seconds
           FROM gaps JOIN person ON person.id = gaps.person GROUP BY person.id ORDER BY answers DESC, person.id""",
        (RECENT, BREAK_SECONDS, BREAK_SECONDS),
    )
    return [Pace(row["id"], row["name"], row["answers"], row["paced"], row["seconds"]) for row in rows]


def agreements(db: Database, asker: int | None = None) -> tuple[list[Agreement], int]:
    """Return how often the present answers of each pair of people are the same, and on how many images in all.

    Of the images answered last, without those that `asker` is still to answer (None: with them); review's decisions do
    not count, and labels that came with the images are nobody's.
    """
    rows = db.execute(
        f"""WITH people AS (SELECT id FROM person WHERE folded <> :dataset),
           several AS (
             SELECT image FROM label_event WHERE person IN people GROUP BY image HAVING min(person) < max(person)
             ORDER BY max(id) DESC LIMIT :most),
           own AS MATERIALIZED (
             SELECT image, person, answer FROM vote
             WHERE image IN (SELECT image FROM several WHERE {told("several.image", asker)})
               AND person IN people AND NOT decides),
           pair AS MATERIALIZED (
             SELECT one.image AS image, one.person AS person, two.person AS other, one.answer = two.answer AS same
             FROM own AS one JOIN own AS two ON two.image = one.image AND two.person > one.person)
           SELECT person, other, count(*) AS images, sum(same) AS same,
                  (SELECT count(DISTINCT image) FROM pair) AS in_all
           FROM pair GROUP BY person, other ORDER BY images DESC""",
        {"dataset": DATASET, "most": COMPARED, "asker": asker},
    ).fetchall()
    found = [Agreement(row["person"], row["other"], row["images"], row["same"]) for row in rows]
    return found, rows[0]["in_all"] if rows else 0


def second_answers_missing(db: Database) -> int:
    """Return how many answers are missing of requests that let people's answers be compared."""
    sql = "SELECT coalesce(sum(left), 0) FROM request WHERE overlap > 1 OR purpose = 'repeat'"
    return int(db.execute(sql).fetchone()[0])
