"""The best k of dense scores."""

import numpy as np
import pytest

from recs.engine.recommender import top_k

VERY_MANY = 25_607


def test_the_best_of_very_many_columns_are_those_of_a_full_sort():
    columns = VERY_MANY
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


@pytest.mark.parametrize("columns", [12_000, VERY_MANY])
def test_of_equal_columns_the_first_come_first(columns: int):
    scores = np.zeros((2, columns), dtype=np.float32)
    scores[1, [900, 7_000, 11_990]] = [1.0, 2.0, -1.0]

    found = top_k(scores, 5, exclude=None, among=None)

    assert found.items.tolist() == [[0, 1, 2, 3, 4], [7_000, 900, 0, 1, 2]]
    assert found.scores[1].tolist() == [2.0, 1.0, 0.0, 0.0, 0.0]


def test_equals_are_those_of_a_full_stable_sort_wherever_they_stand():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 40, size=(20, 3_000)).astype(np.float32)

    for k in (1, 7, 60, 2_999, 3_000):
        found = top_k(scores.copy(), k, exclude=None, among=None)

        assert found.items.tolist() == np.argsort(-scores, axis=1, kind="stable")[:, :k].tolist()


def test_ids_outside_the_catalogue_are_passed_over_in_what_it_may_choose_among_and_in_what_it_may_not():
    scores = np.array([[1.0, 2.0, 3.0, 4.0]], dtype=np.float32)

    found = top_k(scores, 3, exclude=[np.array([-1, 4, 1])], among=np.array([-1, 0, 1, 4, 9]))

    assert found.items.tolist() == [[0, -1, -1]]
    assert found.scores.tolist() == [[1.0, -np.inf, -np.inf]]


@pytest.mark.parametrize("columns", [4, VERY_MANY])
def test_none_are_the_best_none(columns: int):
    found = top_k(np.ones((2, columns), dtype=np.float32), 0, exclude=None, among=None)

    assert found.items.shape == found.scores.shape == (2, 0)


def test_where_nothing_remains_of_very_many_columns_nothing_is_returned():
    scores = np.zeros((1, VERY_MANY), dtype=np.float32)

    found = top_k(scores, 3, exclude=None, among=np.array([777]))

    assert found.items[0].tolist() == [777, -1, -1]


def test_what_is_no_number_is_never_among_the_best():
    scores = np.full((3, 30), np.nan, dtype=np.float32)
    scores[1, [7, 3, 20]] = [1.0, 2.0, -1.0]
    scores[2] = np.arange(30)
    scores[2, [29, 5]] = np.nan

    found = top_k(scores, 4, exclude=None, among=None)

    assert found.items.tolist() == [[-1] * 4, [3, 7, 20, -1], [28, 27, 26, 25]]
