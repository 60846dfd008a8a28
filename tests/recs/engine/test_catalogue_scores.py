"""Scores by the owner's ids, on a catalogue of four."""

import numpy as np

from recs.engine.catalogue_scores import CatalogueScores, places

SCORES = CatalogueScores(np.array([3, 5, 8, 9]), np.array([0.2, 1.0, 0.5, 0.5], dtype=np.float32))


def test_the_best_come_first_and_of_equals_the_lower_id():
    assert SCORES.best(3, exclude=()) == [(5, 1.0), (8, 0.5), (9, 0.5)]


def test_of_very_many_equals_the_lowest_ids_come_first():
    scores = CatalogueScores(np.arange(12_000) * 2, np.zeros(12_000, dtype=np.float32))

    assert scores.best(3, exclude={2}) == [(0, 0.0), (4, 0.0), (6, 0.0)]
    assert scores.best(0, exclude=()) == []


def test_what_is_excluded_is_left_out_and_unknown_ids_change_nothing():
    assert SCORES.best(9, exclude={5, 8, 4, 100}) == [(9, 0.5), (3, np.float32(0.2))]


def test_scores_stand_in_the_order_asked_for():
    found = SCORES.of([9, 4, 3])

    assert found[[0, 2]].tolist() == [0.5, np.float32(0.2)]
    assert np.isnan(found[1])
    assert len(SCORES.of([])) == 0


def test_an_id_stands_nowhere_among_none():
    assert places(np.array([1, 2]), np.zeros(0, dtype=np.int64)).tolist() == [-1, -1]
