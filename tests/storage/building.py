"""Small projects for tests, and a clock that tests move."""

import hashlib
import uuid
from dataclasses import dataclass, field

from storage import leases
from storage.classes import add_class
from storage.clock import Instant
from storage.database import Database, transaction
from storage.events import record
from storage.images import add_images, all_images
from storage.people import find_or_add_person
from storage.records import Kind, Lease, NewImage, NewItem, Outcome, Purpose, Sent
from storage.requests import Added, add_request

TERM = 100.0


def new_image(number: int, split: str = "unlabeled") -> NewImage:
    """Return an image that is nowhere but in the database."""
    name = f"{number:05d}.png"
    return NewImage(name.encode(), name, hashlib.sha256(name.encode()).hexdigest(), split)  # type: ignore[arg-type]


@dataclass
class Scene:
    """A project with images, three classes and people, and what they do in it."""

    db: Database
    images: list[int]
    classes: list[int]
    at: Instant = field(default_factory=lambda: Instant("boot", 1000.0))
    people: dict[str, int] = field(default_factory=dict)

    def who(self, name: str) -> int:
        if name not in self.people:
            with transaction(self.db):
                self.people[name] = find_or_add_person(self.db, name).id
        return self.people[name]

    def say(self, name: str, kind: Kind, image: int | None = None, **further: object) -> Outcome:
        person = self.who(name)
        own, client = str(further.pop("uuid", uuid.uuid4())), str(further.pop("client", name))
        body = repr((kind, image, sorted(further.items()))).encode()
        sent = Sent(own, body, kind, person, client=client, image=image, **further)  # type: ignore[arg-type]
        with transaction(self.db):
            return record(self.db, sent, self.at, TERM)

    def ask(self, images: list[int], overlap: int = 1, purpose: Purpose = "train") -> Added:
        items = [NewItem(image, "typiclust", 0.5, "typical") for image in images]
        with transaction(self.db):
            return add_request(self.db, items, purpose=purpose, strategy="typiclust", overlap=overlap)

    def later(self, seconds: float) -> None:
        self.at = Instant(self.at.boot, self.at.seconds + seconds)

    def state(self, image: int) -> tuple[str, int | None]:
        row = self.db.execute("SELECT state, class FROM image WHERE id = ?", (image,)).fetchone()
        return row["state"], row["class"]


def build(db: Database, images: int = 20, classes: int = 3) -> Scene:
    with transaction(db):
        for number in range(classes):
            add_class(db, number, "abcdefghij"[number], None, None)
        ids = add_images(db, (new_image(number) for number in range(images)))
    return Scene(db, ids, list(range(classes)))


def take(scene: Scene, name: str, count: int) -> list[Lease]:
    """Let somebody lease the next images."""
    person = scene.who(name)
    with transaction(scene.db):
        leases.end_expired(scene.db, scene.at)
        return leases.lease_next(scene.db, person, name, count, scene.at, TERM)


def is_stored(db: Database, own: str) -> bool:
    """Say whether there is an event of this UUID."""
    return db.execute("SELECT 1 FROM label_event WHERE uuid = ?", (own,)).fetchone() is not None


def secret_images(scene: Scene, person: int) -> set[int]:
    """Return answered images that wait for more answers, among them this person's."""
    done = scene.db.execute("SELECT request, image FROM lease WHERE person = ? AND state = 'done'", (person,))
    given = {tuple(row) for row in done}
    open_items = scene.db.execute("SELECT request, image FROM request_item WHERE left > 0")
    owed = {row["image"] for row in open_items if tuple(row) not in given}
    return {image.id for image in all_images(scene.db) if image.id in owed and image.label.state != "none"}
