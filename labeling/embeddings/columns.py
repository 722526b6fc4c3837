"""Which classes of the project the columns of class probabilities are."""

from collections.abc import Sequence

from barlowmatch.data.classes import ImageClass, has_own_id
from storage.classes import list_classes
from storage.database import Database
from storage.people import fold


def classes_of_columns(db: Database, columns: Sequence[ImageClass]) -> list[int | None]:
    """Return the project's class, merged or not, of each column; None where it has none.

    An id that comes from a name is that of the class, whatever it is called by now and whatever has taken its name. Any
    other is looked up by its name, and where that is not known, it is the project's own id of a class renamed since.
    """
    classes = list_classes(db, merged=True)
    by_name = {fold(item.name): item.id for item in classes}
    ids = {item.id for item in classes}
    return [
        column.id if column.id in ids and has_own_id(column)
        else by_name.get(fold(column.name), column.id if column.id in ids else None)
        for column in columns
    ]  # fmt: skip
