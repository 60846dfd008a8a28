"""Parts of the rows, worked out by hand."""

import numpy as np
import pytest

from recs.engine.breakdown import by_length, by_popularity, part
from recs.engine.evaluation import quality
from recs.engine.interactions import History


def test_histories_fall_into_classes_of_their_length():
    found = by_length([History.of_items(list(range(size))) for size in (1, 2, 4, 5, 9, 10, 30)])

    assert {name: np.flatnonzero(rows).tolist() for name, rows in found.items()} == {
        "1": [0],
        "2-4": [1, 2],
        "5-9": [3, 4],
        "10+": [5, 6],
    }


def test_an_empty_history_has_a_class_of_its_own():
    assert by_length([History.of_items([])])["0"].tolist() == [True]


def test_head_middle_and_tail_hold_a_third_of_the_interactions_each():
    # 12 interactions: 4 above item 1, 8 above items 2 and 3; item 5 was never touched.
    counts = np.array([4, 4, 2, 1, 1, 0])

    found = by_popularity([np.array([item]) for item in range(6)], counts)

    # Items 0 and 1 are as popular as each other, so neither stands above the other: both are head.
    assert {name: np.flatnonzero(rows).tolist() for name, rows in found.items()} == {
        "head": [0, 1],
        "middle": [],
        "tail": [2, 3, 4, 5],
    }


def test_an_item_belongs_where_the_more_popular_ones_end():
    counts = np.array([5, 4, 3])

    found = by_popularity([np.array([item]) for item in (2, 1, 0)], counts)

    # Above item 1 lie 5 of 12, above item 2 lie 9 of 12.
    assert {name: np.flatnonzero(rows).tolist() for name, rows in found.items()} == {
        "head": [2],
        "middle": [1],
        "tail": [0],
    }


def test_a_part_is_the_mean_over_its_rows():
    ranked = np.array([[0, 1], [1, 0], [2, 3]])
    measured = quality(ranked, [np.array([0]), np.array([0]), np.array([9])], item_count=10)

    found = part(measured, np.array([False, True, True]))

    assert (found.rows, found.hr_10) == (2, 0.5)
    assert found.ndcg_10 == pytest.approx(1 / np.log2(3) / 2)
    assert found.hr_10_interval.low == 0.0
    assert found.hr_10_interval.high == 1.0
    assert part(measured, np.zeros(3, dtype=bool)).hr_10_interval is None
