"""Spaces in which greedy strategies keep distances: what they need to know of points, and no more."""

from typing import Protocol

from torch import Tensor

from barlowmatch.selection.distances import lower_to, squared_distances
from barlowmatch.selection.vectors import Vectors


class Space(Protocol):
    """Points with squared distances."""

    def __len__(self) -> int:
        """Return the number of points N."""

    def among(self, places: Tensor) -> Tensor:
        """Return the squared distances (m, m) among some points."""

    def lower(self, minima: Tensor, places: Tensor) -> None:
        """Lower each point's squared distance (N,) to the nearest chosen point, in place, for further chosen ones."""


class Euclidean:
    """Vectors with Euclidean distances."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def __len__(self) -> int:
        return len(self.vectors)

    def among(self, places: Tensor) -> Tensor:
        """Return the squared distances (m, m) among some vectors."""
        chosen = self.vectors.take(places)
        return squared_distances(chosen, chosen)

    def lower(self, minima: Tensor, places: Tensor) -> None:
        """Lower `minima` (N,) for further chosen vectors."""
        lower_to(minima, self.vectors, self.vectors.take(places))
