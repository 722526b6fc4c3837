"""The paper's rule (BarlowMatch, section 3.4): the images farthest from the centroids of the labeled ones."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from barlowmatch.data.progress import Rate
from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy, need_labels, say
from barlowmatch.selection.clustering import Clustering, kmeans
from barlowmatch.selection.configs import KMeansConfig
from barlowmatch.selection.distances import largest, nearest, squared_distances
from barlowmatch.selection.pool import Pool

NEAR_TIE = 1e-5
"""Float32 distances may be wrong by less than this; what could change places is compared again in float64."""
REFINED_ROWS = 1024


class KMeans(Strategy[KMeansConfig]):
    """k-means on unit-norm embeddings of the labeled images; unlabeled ones scored by distance to the nearest centroid.

    The original code took dot products for distances and asked for the opposite; this is the rule of the paper.
    """

    name: ClassVar[str] = "kmeans"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Choose the farthest first; the score is the distance to the nearest centroid."""
        need_labels(pool, self.name)
        clustering = self.cluster(pool, random, emit)
        rate = Rate("measure distances to centroids", len(pool), emit)
        distances, owners = nearest(pool.unlabeled, clustering.centres, rate.step)
        places, scores = farthest_in_float64(pool, distances, clustering.centres, budget)
        majority = _majority(clustering, pool)
        reasons = [
            f"{score:.3f} from the nearest centroid of labeled images (mostly {majority[owner]})"
            for score, owner in zip(scores.tolist(), owners[places].tolist(), strict=True)
        ]
        return Picks(places, scores, reasons)

    def cluster(self, pool: Pool, random: np.random.Generator, emit: Emit) -> Clustering:
        """Cluster the labeled images, and say into how many clusters and why."""
        classes, labeled = max(len(pool.class_names), 1), len(pool.labels)
        clusters = min(self.config.clusters or classes, labeled)
        why = (
            "as asked for"
            if clusters == self.config.clusters
            else "one a class"
            if clusters == classes
            else "one a label"
        )
        say(emit, f"kmeans: {clusters} clusters of {labeled} labeled images ({why})")
        rate = Rate("cluster labeled images", self.config.iterations, emit, unit="iteration")
        return kmeans(pool.labeled, clusters, random, self.config.iterations, rate.step)


def farthest_in_float64(pool: Pool, distances: Tensor, centres: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the places of the farthest unlabeled images and their distances, ordered by float64 distances.

    Only images whose float32 distance is within rounding of the last chosen one are measured again.
    """
    threshold = torch.kthvalue(distances, len(distances) - count + 1).values
    places = torch.nonzero(distances >= threshold - NEAR_TIE).squeeze(1)
    exact = torch.cat(
        [
            squared_distances(pool.unlabeled.take(part).double(), centres.double()).amin(1)
            for part in torch.split(places, REFINED_ROWS)
        ]
    )
    order, _ = largest(exact, count)
    return places[order[:count]], exact[order[:count]].sqrt()


def _majority(clustering: Clustering, pool: Pool) -> list[str]:
    """Return the commonest class of each cluster."""
    names = pool.class_names
    votes = np.zeros((len(clustering.centres), max(len(names), 1)), np.int64)
    np.add.at(votes, (clustering.owners.numpy(), pool.labels), 1)
    return [names[place] for place in votes.argmax(1)]
