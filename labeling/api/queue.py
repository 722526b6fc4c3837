"""The queue: who gets which image, and what becomes of what they say. All of it runs inside one write each."""

from dataclasses import dataclass
from typing import Literal

from labeling.api.items import Pictures, guesses_out, label_state, lease_item, shown_label, unleased_item
from labeling.project import TERM_SECONDS
from labeling.wire import labels as wire
from storage import events, grid, holding, leases, undoing
from storage.clock import Instant, instant
from storage.database import Database
from storage.errors import Refused
from storage.images import get_image
from storage.predictions import guesses_of
from storage.present import present_label
from storage.probing import newest_fit
from storage.records import Lease, Outcome, Sent
from storage.requests import answers_left, ever_asked
from storage.rights import owes_answer
from storage.written import body_hash

_ASK = "ask one of them"


@dataclass(frozen=True)
class Desk:
    """Where somebody sits: who they are, in which tab, and where pictures are served.

    `asker` is the same person where they overrule nobody, and see others' answers only once they have given theirs.
    """

    person: int
    client: str
    pictures: Pictures
    asker: int | None


def take(db: Database, desk: Desk, wish: wire.Wish) -> wire.LeaseOut:
    """Renew what the client holds, hand out what it lost by reloading, then the next images requests want."""
    at = instant()
    leases.end_expired(db, at)
    lost = holding.renew(db, wish.holding, desk.person, desk.client, at, TERM_SECONDS)
    taken = holding.held_leases(db, desk.person, desk.client, wish.holding, wish.count, at, TERM_SECONDS)
    if len(taken) < wish.count:
        taken += leases.lease_next(db, desk.person, desk.client, wish.count - len(taken), at, TERM_SECONDS)
    return _handed(db, taken, lost, answers_left(db), at, desk)


def take_grid(db: Database, desk: Desk, wish: wire.GridIn, left: int) -> wire.LeaseOut:
    """Hand out a page of images predicted to be of one class; `left` of it are unlabeled."""
    at = instant()
    leases.end_expired(db, at)
    taken = grid.lease_predicted(db, wish.class_id, desk.person, desk.client, wish.count, at, TERM_SECONDS)
    return _handed(db, taken, [], left, at, desk)


def _handed(db: Database, taken: list[Lease], lost: list[int], left: int, at: Instant, desk: Desk) -> wire.LeaseOut:
    items = [lease_item(db, lease, at, desk.pictures, desk.asker) for lease in taken]
    other_tabs = 0 if items else holding.count_elsewhere(db, desk.person, desk.client)
    return wire.LeaseOut(
        items=items, lost=lost, left=left, other_tabs=other_tabs, full=leases.room(db, desk.person) == 0,
        asked=ever_asked(db), term_s=TERM_SECONDS,
    )  # fmt: skip


def store_events(db: Database, desk: Desk, said: wire.LabelsIn) -> tuple[wire.LabelsOut, Refused | None]:
    """Store what somebody said, in order, and hand out what they wish for next.

    Returns:
        What became of each event; and, where none is stored and all for one reason, that. It is not raised: what was
        handed out stays so.
    """
    at = instant()
    outcomes, results = [], []
    for event in said.events:
        outcomes.append(_store_event(db, desk, event, at))
        results.append(_result(db, outcomes[-1], at, desk))  # the label as it is after this one
    leased = None if said.lease is None else take(db, desk, said.lease)
    return wire.LabelsOut(results=results, leased=leased, fitted=fitted_event(db)), _common_refusal(outcomes)


def _common_refusal(outcomes: list[Outcome]) -> Refused | None:
    message = outcomes[0].message or ""
    if all(outcome.status == "conflict" for outcome in outcomes):
        return Refused(message, "replaces", "look at the present label and say it again", "taken")
    if all(outcome.forbidden for outcome in outcomes):
        return Refused(message, "kind", _ASK, "forbidden")
    return None


def _store_event(db: Database, desk: Desk, event: wire.EventIn, at: Instant) -> Outcome:
    doubt = _incomplete(event)
    if doubt is not None:
        return Outcome(event.uuid, "refused", message=doubt)
    replaces = event.replaces
    if replaces == 0 and event.image is not None and _owes_answer(db, desk, event.image):
        replaces = None  # they were shown no label: theirs is one more, whatever others said
    sent = Sent(
        uuid=event.uuid, body=body_hash(event.model_dump(mode="json"), desk.person), kind=event.kind,
        person=desk.person, client=desk.client, image=event.image, class_id=event.class_id, lease=event.lease,
        undoes=event.undoes, replaces=replaces, batch=event.batch, source=event.source,
        looked_ms=event.looked_ms, decides=desk.asker is None,
    )  # fmt: skip
    return events.record(db, sent, at, TERM_SECONDS)


def _owes_answer(db: Database, desk: Desk, image: int) -> bool:
    return desk.asker is not None and owes_answer(db, image, desk.asker)


def _incomplete(event: wire.EventIn) -> str | None:
    """Return what an event of its kind lacks or has too much, None where it is complete."""
    takes_back = event.kind in ("undo", "redo")
    if takes_back and event.undoes is None:
        return f"{event.kind} needs undoes, the UUID of an act"
    if takes_back and (event.image is not None or event.class_id is not None):
        return f"{event.kind} takes neither image nor class"
    if not takes_back and event.image is None:
        return f"{event.kind} needs an image"
    if event.kind == "label" and event.class_id is None:
        return "label needs a class"
    if event.class_id is not None and event.kind not in ("label", "confirm"):
        return f"{event.kind} takes no class"
    return None


def last(db: Database, person: int, kind: Literal["undo", "redo"]) -> str | None:
    """Return what an undo or redo of a person would be about."""
    find = undoing.last_act if kind == "undo" else undoing.last_undo
    return find(db, person)


def step(db: Database, desk: Desk, wish: wire.ActIn, kind: Literal["undo", "redo"]) -> wire.ActOut:
    """Undo the last act of a person that stands, or redo the last one they undid.

    Raises:
        Refused: there is none, it is not the one that they meant, or no longer theirs to bring back.
    """
    stored = undoing.act_of(db, wish.uuid)
    act = stored or last(db, desk.person, kind)
    if act is None:
        raise Refused(f"there is nothing to {kind}", "uuid")
    if stored is None and wish.undoes not in (None, act):
        raise Refused(f"you went on meanwhile, so there was no {kind}", "undoes", "press again")
    event, at = wire.EventIn(uuid=wish.uuid, kind=kind, undoes=act), instant()
    outcome = _store_event(db, desk, event, at)
    if outcome.forbidden:
        raise Refused(outcome.message or "", "uuid", _ASK, "forbidden")
    result = _result(db, outcome, at, desk)
    done = undoing.stepped(db, wish.uuid)
    image = None if result.image is None else get_image(db, result.image)
    return wire.ActOut(
        **result.model_dump(),
        act=act if done is None else done.act,
        kind=None if done is None else done.kind,
        images=[] if done is None else list(done.images),
        flagged=None if image is None else image.flagged,
    )


def fitted_event(db: Database) -> int | None:
    """Return up to which label event the guesses know the labels, None where nothing learns while people label."""
    fit = newest_fit(db)
    return None if fit is None else fit.event


def guesses_now(db: Database, person: int, images: list[int]) -> wire.GuessesOut:
    """Return the newest guesses of images a person holds, but for blind ones."""
    mine = holding.shown_to(db, person)
    found = [
        wire.GuessesOf(image=image, guesses=guesses_out(guesses_of(db, image))) for image in images if image in mine
    ]
    return wire.GuessesOut(fitted=fitted_event(db), images=found)


def give_back(db: Database, desk: Desk, wish: wire.ReleaseIn) -> wire.ReleaseOut:
    """Give images back to the queue."""
    if wish.others:
        return wire.ReleaseOut(released=holding.release_elsewhere(db, desk.person, desk.client))
    if wish.leases is None:
        return wire.ReleaseOut(released=holding.release_client(db, desk.person, desk.client))
    return wire.ReleaseOut(released=holding.release(db, desk.person, wish.leases))


def _result(db: Database, outcome: Outcome, at: Instant, desk: Desk) -> wire.ResultOut:
    image = outcome.image
    label = None if image is None else label_state(shown_label(db, image, present_label(db, image), desk.asker))
    items = [_again(db, number, token, at, desk) for number, token in outcome.again]
    return wire.ResultOut(
        uuid=outcome.uuid, status=outcome.status, event=outcome.event, image=outcome.image, message=outcome.message,
        label=label, items=items,
    )  # fmt: skip


def _again(db: Database, image: int, token: int | None, at: Instant, desk: Desk) -> wire.LeaseItem:
    if token is None:
        return unleased_item(db, image, at, desk.pictures, desk.asker)
    lease = Lease(token, image, _request_of(db, token), at.seconds + TERM_SECONDS)
    return lease_item(db, lease, at, desk.pictures, desk.asker)


def _request_of(db: Database, token: int) -> int | None:
    row = leases.get_lease(db, token)
    return None if row is None else row["request"]
