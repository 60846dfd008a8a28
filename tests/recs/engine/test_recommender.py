"""The best k of dense scores."""

import numpy as np

from recs.engine.recommender import BLOCK, top_k


def test_the_best_of_very_many_columns_are_those_of_a_full_sort():
    columns = 100 * BLOCK + 7
    scores = np.random.default_rng(0).permutation(3 * columns).reshape(3, columns).astype(np.float32)
    scores[1, -1] = 1e9
    expected = np.argsort(-scores, axis=1)[:, :4]

    found = top_k(
        scores.copy(),
        4,
        exclude=[expected[0, :1], np.zeros(0, dtype=int), np.zeros(0, dtype=int)],
        among=None,
    )

    assert found.items[1:].tolist() == expected[1:].tolist()
    assert found.items[0, :3].tolist() == expected[0, 1:].tolist()
    assert found.scores[1].tolist() == scores[1, expected[1]].tolist()


def test_of_very_many_equal_columns_the_first_come_first():
    scores = np.zeros((1, 100 * BLOCK), dtype=np.float32)

    first, second = (top_k(scores.copy(), 3, exclude=None, among=None).items[0].tolist() for _ in range(2))

    assert first == second == sorted(first)


def test_where_nothing_remains_of_very_many_columns_nothing_is_returned():
    scores = np.zeros((1, 100 * BLOCK), dtype=np.float32)

    found = top_k(scores, 3, exclude=None, among=np.array([777]))

    assert found.items[0].tolist() == [777, -1, -1]
