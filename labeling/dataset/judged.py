"""What the models of a new project are judged by: its validation split, a random sample, or labels it came with."""

from barlowmatch.data.shares import share_of
from barlowmatch.data.splits import draw
from storage.control import Control, ask_control, control_pool, find_control, largest_control
from storage.database import Database
from storage.groups import belongings
from storage.images import has_split, set_split
from storage.splits import split_counts


def choose_judged(db: Database, control: int) -> Control | None:
    """See that a new project has images to judge models by; return the control sample where one was asked for.

    A validation split of the dataset's own stays what it is. Else a uniform random sample is asked about, blind. Where
    a share of the labels that the images came with is at least as many, that share is held out instead, by hashes of
    names as the stages of training do where they choose, whole groups together: it costs nobody any work. Of few labels
    nothing is held out.

    Args:
        db: the database, inside a transaction.
        control: images to ask about at most.
    """
    if has_split(db, "val"):
        return find_control(db)
    labeled, images = _draw_labeled(db)
    if labeled >= min(control, largest_control(db, None)):
        set_split(db, images, "val")
    else:
        ask_control(db, control, control_pool(db))
    return find_control(db)


def _draw_labeled(db: Database) -> tuple[int, list[int]]:
    """Return how many labels would be held out, and the images of them and of their groups."""
    found, counts = belongings(db), split_counts(db)
    share = share_of(None, counts.labeled, counts.classes)
    held = {name for name in {name for _, name, labeled in found if labeled} if draw(name) < share}
    drawn = [(image, labeled) for image, name, labeled in found if name in held]
    return sum(labeled for _, labeled in drawn), [image for image, _ in drawn]
