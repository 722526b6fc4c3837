"""Embeddings in which classes are clusters."""

import numpy as np

DIMENSION = 8


def clusters(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors around three centres, and which centre."""
    draw = np.random.default_rng(seed)
    owner = draw.integers(0, 3, count)
    vectors = np.eye(DIMENSION)[owner] + draw.normal(0, 0.15, (count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), owner
