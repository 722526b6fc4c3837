"""The embeddings folder: what `embed` writes and `select` reads.

Layout (schema 1): `embeddings.npy` (rows × D, fp16 or fp32, C order, raw: not normalised), `probabilities.npy`
(rows × C, fp32, where there is a classifier), `files.csv` (row, split, file, sha256, label) and `meta.json` (written
last). Under torchrun each process writes its rows as a shard: `embeddings-00001-of-00004.npy`. The arrays are
memory-mapped on both sides, so their size is bounded by the disk alone.
"""
