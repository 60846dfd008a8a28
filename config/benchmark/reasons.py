"""What the reasons of a page cost the model: a history with each of its products left out, on one thread."""

import time

import numpy as np

from config.benchmark.synthetic import SyntheticShop, clustered_vectors
from recs.engine.interactions import FloatArray, IntArray, Kind
from recs.models import ModelVersion
from recs.registry import load_encoder, version_for_serving

LENGTHS = (1, 5, 20, 50)
"""Interactions, each with a product of its own: the dearest history of that length."""
ROUNDS = 40
HOUR = 3600


def left_out_p50_ms(shop: SyntheticShop) -> dict[int, float]:
    """By length of the history; the statement that reads it is part of every feed and not in here."""
    # Loading an encoder for serving leaves torch with one thread.
    tower = load_encoder(version_for_serving(ModelVersion.objects.get(pk=shop.version_id)))
    found = {}
    for length in LENGTHS:
        history = _history(length, shop.query_vectors.shape[1])
        taken = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            tower.left_out(*history)
            taken.append(time.perf_counter() - started)
        found[length] = float(np.median(taken) * 1000)
    return found


def _history(length: int, dimension: int) -> tuple[IntArray, FloatArray, IntArray, IntArray, FloatArray]:
    vectors, _ = clustered_vectors(length, dimension)
    return (
        np.arange(length),
        vectors,
        np.full(length, int(Kind.VIEW)),
        1_700_000_000 + HOUR * np.arange(length),
        np.full(length, np.nan, dtype=np.float32),
    )
