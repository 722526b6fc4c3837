"""Looking for labels of a project that are probably wrong, by where their images lie among the others."""

from collections.abc import Mapping

import numpy as np

from barlowmatch.arrays import Rows
from barlowmatch.guessing.linear_probe import Take
from barlowmatch.guessing.suspects import find_suspects
from storage.database import Database
from storage.suspects import NewSuspect, labels_to_judge


def suspects_among_labels(db: Database, row_of: Mapping[int, int], take: Take) -> list[NewSuspect]:
    """Return the labels that the other labels speak against, the most doubtful first.

    What review decided speaks for or against others, and is not judged itself.

    Args:
        db: the project.
        row_of: the row of each image that is embedded; labels of others are left out.
        take: returns the embeddings of some rows, (n, D), of unit length.
    """
    given = [label for label in labels_to_judge(db) if label.image in row_of]
    rows: Rows = np.array([row_of[label.image] for label in given], np.int64)
    found = find_suspects(take(rows), np.array([label.class_id for label in given], np.int64))
    pairs = zip(found.places.tolist(), found.suggested.tolist(), found.likelihoods.tolist(), strict=True)
    return [
        NewSuspect(given[place].image, given[place].event, suggested, likelihood)
        for place, suggested, likelihood in pairs
        if not given[place].settled
    ]
