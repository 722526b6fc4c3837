"""What the numbers in an array are: one dimension, unless its place says otherwise."""

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
"""Places: the rows of images in a dataset, in a folder of embeddings or in another array."""
Labels = npt.NDArray[np.int64]
"""What each of something belongs to, mostly its position among the classes; below zero where that is not known."""
Counts = npt.NDArray[np.int64]
"""How many there are of each."""
Ids = npt.NDArray[np.int64]
"""Ids of images in a project."""
Floats = npt.NDArray[np.float32]
"""What is computed of images: vectors, probabilities, scores."""
Doubles = npt.NDArray[np.float64]
"""What is fitted or summed up exactly."""
AnyFloats = npt.NDArray[np.floating[Any]]
"""Numbers as they are stored, which may be of half precision."""
