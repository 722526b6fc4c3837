"""How many images a round can ask for: those that wait for an answer count as asked for, in a round as before it."""

from collections import Counter
from dataclasses import dataclass

from storage.database import Database
from storage.requests import list_requests
from storage.skipping import stuck_items
from storage.splits import count_drawable


@dataclass(frozen=True)
class Askable:
    """Images to ask about.

    Attributes:
        asked: asked for already and not yet answered, the control sample not counted.
        free: others without a label.
    """

    asked: int
    free: int

    @property
    def most(self) -> int:
        """So many a round can ask for."""
        return self.asked + self.free


def count_askable(db: Database) -> Askable:
    """Count the images that can be asked about now."""
    requests = [request for request in list_requests(db) if request.purpose == "train"]
    in_vain = Counter(item.request for item in stuck_items(db))
    asked = sum(min(request.left, request.items) - in_vain[request.id] for request in requests)
    return Askable(asked, count_drawable(db))
