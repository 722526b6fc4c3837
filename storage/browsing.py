"""Pages of images under filters. A page is a walk from where the last one ended, along the ids or those of suspects."""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

from dataclasses import dataclass, fields, replace

from storage.database import Database
from storage.images import image_of
from storage.present import answered_by
from storage.records import Guess, Image, Label, Split, State
from storage.rights import OWED

MOST_COUNTED = 10_000


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which images to show; None means any.

    Attributes:
        state: what the votes add up to.
        label: class of the present label.
        predicted: class the model thinks likeliest; images whose guess is hidden from labelers do not match.
        person: has an answer by this person that stands.
        round: is asked about by this request.
        flagged, skipped, missing: True: only such.
        suspect: True: only those whose label the other labels speak against, the most doubtful first.
        settled: True: only those on which people disagree and somebody decided.
        split: of this split.
        file: part of its name, ASCII case ignored.
    """

    state: State | None = None
    label: int | None = None
    predicted: int | None = None
    person: int | None = None
    round: int | None = None
    flagged: bool | None = None
    skipped: bool | None = None
    missing: bool | None = None
    suspect: bool | None = None
    settled: bool | None = None
    split: Split | None = None
    file: str | None = None


_BLIND = """EXISTS (SELECT 1 FROM request_item AS item JOIN request ON request.id = item.request
                    WHERE item.image = image.id AND item.left > 0 AND request.blind)"""
"""An image is asked about without a guess."""
_CONDITIONS = {
    "state": "image.state = :state",
    "label": "image.class = :label",
    "predicted": f"""prediction.class IN (SELECT id FROM class WHERE id = :predicted OR merged_into = :predicted)
        AND NOT {_BLIND}""",
    "person": """image.id IN (SELECT image FROM label_event WHERE person = :person)
        AND EXISTS (SELECT 1 FROM vote WHERE vote.image = image.id AND vote.person = :person)""",
    "round": "image.id IN (SELECT image FROM request_item WHERE request = :round)",
    "flagged": "image.flagged = :flagged",
    "skipped": "(image.skips > 0) = :skipped",
    "missing": "image.present = NOT :missing",
    "suspect": "(image.id IN (SELECT image FROM suspected)) = :suspect",
    "settled": """(EXISTS (SELECT 1 FROM label_event AS said WHERE said.id = image.event AND said.kind = 'confirm')
        AND (SELECT count(DISTINCT answer) FROM vote WHERE vote.image = image.id AND NOT decides) > 1) = :settled""",
    "split": "image.split = :split",
    "file": r"image.name LIKE :file ESCAPE '\'",
}
_LITERAL = {
    "flagged": "image.flagged = 1",
    "skipped": "image.skips > 0",
    "missing": "image.present = 0",
    "suspect": "suspected.place > 0",
    "settled": f"""image.id IN (SELECT image FROM label_event WHERE kind = 'confirm') AND {_CONDITIONS["settled"]}""",
}
"""Conditions spelled so that their indexes are walked, for the asked-for case."""
_SECRET = f"(image.event IS NOT NULL AND {OWED.format(image='image.id')})"
"""Others answered an image that `:asker` is still to answer; asked of the images of a page, and of those that match."""
_TELLS = ("state", "label", "person", "suspect", "settled")
"""Filters by what was answered."""
_STATE_WITHOUT_CLASS = "image.state = :state AND image.class IS NULL"
"""Of the states but `labeled`: so the index has the images by id, and none but those of the page are read."""


@dataclass(frozen=True)
class Shown:
    """An image of a page.

    Attributes:
        image: the image.
        guess: the model's first guess, None where it is hidden or there is none.
        answered_by: as of `present.answered_by`.
        suspect: what the other labels speak for, where they speak against the label.
        cursor: where the next page goes on after it.
    """

    image: Image
    guess: Guess | None
    answered_by: int | None
    suspect: Guess | None
    cursor: int


def browse(db: Database, wanted: Filter, after: int, limit: int, asker: int | None = None) -> list[Shown]:
    """Return up to `limit` images that match, from `after` on: by id, suspects by doubt.

    Of images that `asker` is still to answer, others' answers are neither shown nor found; None: of no image.
    """
    where, values = _where(wanted, asker)
    walk = "suspected.place" if wanted.suspect else "image.id"
    rows = db.execute(
        f"""SELECT image.*, {walk} AS cursor, prediction.probability, coalesce(class.merged_into, class.id) AS guess,
                   suspected.class AS suspect, suspected.probability AS suspect_probability,
                   {_BLIND} AS blind,
                   {"0" if asker is None else _SECRET} AS secret
            FROM image LEFT JOIN prediction ON prediction.image = image.id
            LEFT JOIN class ON class.id = prediction.class
            LEFT JOIN suspected ON suspected.image = image.id
            WHERE {where} AND {walk} > :after ORDER BY {walk} LIMIT :limit""",
        {**values, "after": after, "limit": limit},
    )
    return [
        Shown(
            replace(image_of(row), label=Label()) if row["secret"] else image_of(row),
            None if row["blind"] or row["guess"] is None else Guess(row["guess"], row["probability"]),
            None if row["event"] is None or row["secret"] else answered_by(db, row["id"]),
            None if row["suspect"] is None or row["secret"] else Guess(row["suspect"], row["suspect_probability"]),
            row["cursor"],
        )
        for row in rows
    ]


def count_images(db: Database, wanted: Filter, asker: int | None = None) -> int:
    """Return how many images match, counted up to `MOST_COUNTED`; `asker` as of `browse`."""
    where, values = _where(wanted, asker)
    join = "JOIN prediction ON prediction.image = image.id " if wanted.predicted is not None else ""
    join += "JOIN suspected ON suspected.image = image.id" if wanted.suspect else ""
    sql = f"SELECT count(*) FROM (SELECT 1 FROM image {join} WHERE {where} LIMIT {MOST_COUNTED + 1})"
    return min(MOST_COUNTED, int(db.execute(sql, values).fetchone()[0]))


def _where(wanted: Filter, asker: int | None) -> tuple[str, dict[str, object]]:
    values = {item.name: getattr(wanted, item.name) for item in fields(wanted)}
    used = {name: value for name, value in values.items() if value is not None}
    conditions = [_condition(name, value) for name, value in used.items()]
    if asker is not None:
        # Without a label there is nothing to keep: that filter stays a walk along its index.
        if wanted.state != "none" and any(name in used for name in _TELLS):
            conditions.append(f"NOT {_SECRET}")
        used["asker"] = asker
    if "file" in used:
        escaped = str(used["file"]).replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        used["file"] = f"%{escaped}%"
    return " AND ".join(conditions) or "1", used


def _condition(name: str, value: object) -> str:
    if name == "state" and value != "labeled":
        return _STATE_WITHOUT_CLASS
    return _LITERAL[name] if name in _LITERAL and value is True else _CONDITIONS[name]
