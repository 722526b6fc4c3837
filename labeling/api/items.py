"""From records to what goes over the wire: images with their URLs, guesses and reasons, and how far chores are."""

from dataclasses import replace
from typing import Any, TypeVar

from labeling.chores import Told
from labeling.wire import labels as wire
from labeling.wire.dataset import ChoreOut, ThumbOut
from labeling.wire.images import ImageDetail, ImageOut, PastOut
from storage.browsing import Shown
from storage.clock import Instant
from storage.database import Database
from storage.events import history
from storage.images import get_image
from storage.predictions import guesses_of
from storage.present import answered_by
from storage.records import Guess, Image, Label, Lease, Why
from storage.requests import why_asked
from storage.rights import owes_answer
from storage.suspects import suspect_of

Out = TypeVar("Out", bound=ImageOut)


class Pictures:
    """Where pictures are served: URLs below the root path, with a part of the hash so that they may be kept forever."""

    def __init__(self, root_path: str = "") -> None:
        self._root = root_path.rstrip("/")

    def full(self, image: int, sha256: str) -> str:
        """Return the URL of a picture."""
        return f"{self._root}/img/{image}?v={sha256[:16]}"

    def thumb(self, image: int, sha256: str) -> str:
        """Return the URL of its small version."""
        return f"{self._root}/thumb/{image}?v={sha256[:16]}"


def chore_out(told: Told) -> ChoreOut:
    """Return how far a chore is, as it goes over the wire."""
    return ChoreOut(
        uuid=told.about.get("uuid"), state=told.state, work=told.work, done=told.done, total=told.total,
        remaining_s=told.remaining, message=told.message,
    )  # fmt: skip


def thumb_out(image: Image, pictures: Pictures) -> ThumbOut:
    """Return an image as a small picture."""
    return ThumbOut(image=image.id, file=image.name, **urls(image, pictures))


def urls(image: Image, pictures: Pictures) -> dict[str, str]:
    """Return where the small and the full picture of an image are served."""
    return {"thumb": pictures.thumb(image.id, image.sha256), "url": pictures.full(image.id, image.sha256)}


def label_state(label: Label) -> wire.LabelState:
    """Return a present label."""
    return wire.LabelState(state=label.state, class_id=label.class_id, event=label.event)


def shown_label(db: Database, image: int, label: Label, asker: int | None) -> Label:
    """Return the label of an image as `asker` sees it: none while they are still to answer; None sees all."""
    kept = asker is not None and label.event is not None and owes_answer(db, image, asker)
    return Label() if kept else label


def lease_item(db: Database, lease: Lease, at: Instant, pictures: Pictures, asker: int | None) -> wire.LeaseItem:
    """Return an image to label, with all that is shown beside it to `asker`."""
    return _item(db, lease.image, lease, at, pictures, asker)


def unleased_item(db: Database, image: int, at: Instant, pictures: Pictures, asker: int | None) -> wire.LeaseItem:
    """Return an image to show again that could not be leased again."""
    return _item(db, image, None, at, pictures, asker)


def _item(
    db: Database, number: int, lease: Lease | None, at: Instant, pictures: Pictures, asker: int | None
) -> wire.LeaseItem:
    image = get_image(db, number)
    assert image is not None, "leases point to images"
    why = _why_now(db, number, None if lease is None else lease.request)
    blind = why is not None and why.blind
    return wire.LeaseItem(
        image=number, file=image.name, **urls(image, pictures), sha256=image.sha256, width=image.width,
        height=image.height, lease=None if lease is None else lease.token,
        expires_in_s=None if lease is None else round(max(0.0, lease.expires - at.seconds), 3),
        request=None if lease is None else lease.request, purpose=None if why is None else why.purpose, blind=blind,
        why=None if why is None else _why(db, why, pictures, asker),
        guesses=[] if blind else guesses_out(guesses_of(db, number)),
        label=label_state(shown_label(db, number, image.label, asker)), flagged=image.flagged,
    )  # fmt: skip


def _why_now(db: Database, number: int, request: int | None) -> Why | None:
    """Return why an image is asked for, by the request it is leased for or else by one that still wants an answer."""
    why = why_asked(db, number, request)
    return None if why is None or (request is None and not why.open) else why


def _why(db: Database, why: Why, pictures: Pictures, asker: int | None) -> wire.WhyOut:
    return wire.WhyOut(
        strategy=why.strategy, rank=why.rank, score=why.score, reason=why.reason,
        neighbours=[
            wire.NeighbourOut(
                image=near.image, thumb=pictures.thumb(near.image, near.sha256), class_id=near.class_id,
                similarity=near.similarity,
            )
            for near in why.neighbours
            if not why.blind and (asker is None or not owes_answer(db, near.image, asker))
        ],
    )  # fmt: skip


def guesses_out(guesses: tuple[Guess, ...]) -> list[wire.GuessOut]:
    """Return what the model thinks, best first."""
    return [wire.GuessOut(class_id=guess.class_id, probability=round(guess.probability, 4)) for guess in guesses]


def _guess(guess: Guess | None) -> wire.GuessOut | None:
    return None if guess is None else guesses_out((guess,))[0]


def page_image(shown: Shown, pictures: Pictures) -> ImageOut:
    """Return an image of a page."""
    return _image_out(
        ImageOut, shown.image, _guess(shown.guess), pictures, answered_by=shown.answered_by,
        suspect=_guess(shown.suspect),
    )  # fmt: skip


def image_detail(db: Database, image: Image, pictures: Pictures, asker: int | None) -> ImageDetail:
    """Return all that is known about an image.

    Guesses are hidden while it is asked about blindly, others' answers from `asker` until they have given theirs.
    """
    why = why_asked(db, image.id)
    blind = why is not None and why.blind and why.open
    kept = asker is not None and owes_answer(db, image.id, asker)
    guesses = [] if blind else guesses_out(guesses_of(db, image.id))
    past = [
        PastOut(
            event=event.event, uuid=event.uuid, kind=event.kind, class_id=event.class_id, person=event.person,
            source=event.source, time=event.time, late=event.late, message=event.message, stands=event.stands,
        )
        for event in history(db, image.id, asker if kept else None)
    ]  # fmt: skip
    return _image_out(
        ImageDetail, replace(image, label=Label()) if kept else image, guesses[0] if guesses else None, pictures,
        answered_by=None if kept else answered_by(db, image.id),
        suspect=None if kept else _guess(suspect_of(db, image.id)), sha256=image.sha256, group=image.group, blind=blind,
        why=None if why is None else _why(db, why, pictures, asker), guesses=guesses, history=past,
    )  # fmt: skip


def _image_out(kind: type[Out], image: Image, guess: wire.GuessOut | None, pictures: Pictures, **further: Any) -> Out:
    values: dict[str, Any] = {
        "image": image.id, "file": image.name, **urls(image, pictures), "width": image.width, "height": image.height,
        "split": image.split, "label": label_state(image.label), "flagged": image.flagged,
        "missing": not image.present, "guess": guess,
    }  # fmt: skip
    return kind(**values, **further)
