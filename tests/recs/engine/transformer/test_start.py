from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from recs.engine.transformer.start import spectral_vectors

USERS, ITEMS, GROUPS = 120, 30, 3


def grouped() -> sparse.csr_matrix:
    """Users who want eight of the ten items of their group, and one item that nobody wants."""
    rng = np.random.default_rng(0)
    wanted = np.zeros((USERS, ITEMS + 1), dtype=np.float32)
    for user in range(USERS):
        wanted[user, rng.permutation(ITEMS // GROUPS)[:8] * GROUPS + user % GROUPS] = 1
    return sparse.csr_matrix(wanted)


def test_items_that_the_same_users_wanted_start_near_to_each_other():
    vectors = spectral_vectors(grouped(), dimension=4, seed=1)

    likeness = vectors[:ITEMS] @ vectors[:ITEMS].T
    same = np.equal.outer(np.arange(ITEMS) % GROUPS, np.arange(ITEMS) % GROUPS)
    assert likeness[same].min() > likeness[~same].max()
    assert np.linalg.norm(vectors[:ITEMS], axis=1) == pytest.approx(np.ones(ITEMS), abs=1e-5)


def test_an_item_that_nobody_wanted_has_no_direction():
    assert not spectral_vectors(grouped(), dimension=4, seed=1)[ITEMS].any()


def test_the_matrix_stays_as_it_was_and_a_seed_gives_the_same_vectors():
    wanted = grouped()
    first, again = (spectral_vectors(wanted, dimension=4, seed=1) for _ in range(2))

    assert (first == again).all()
    assert set(wanted.data.tolist()) == {1.0}


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 2)])
def test_fewer_items_than_dimensions_leave_the_rest_empty(shape: tuple[int, int]):
    vectors = spectral_vectors(sparse.csr_matrix(np.ones(shape, dtype=np.float32)), dimension=8, seed=1)

    assert vectors.shape == (shape[1], 8)
    assert np.isfinite(vectors).all()
