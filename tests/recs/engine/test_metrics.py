"""Metrics against numbers worked out by hand."""

import numpy as np
import pytest

from recs.engine.evaluation import quality
from recs.engine.metrics import coverage, gini, hit_rate, hits, ndcg, novelty, reciprocal_rank

RANKED = np.array([[4, 7, 1, 9], [2, 3, 5, 8], [6, 0, -1, -1]])
TARGETS = [np.array([1]), np.array([9]), np.array([0, 6])]


def test_a_hit_is_a_target_within_the_first_k():
    hit = hits(RANKED, TARGETS)

    assert hit_rate(hit, 2).tolist() == [0.0, 0.0, 1.0]
    assert hit_rate(hit, 3).tolist() == [1.0, 0.0, 1.0]


def test_ndcg_discounts_by_the_logarithm_of_the_place():
    hit = hits(RANKED, TARGETS)

    found = ndcg(hit, np.array([1, 1, 2]), 4)

    # Third place: 1 / log2(4) = 0.5. Both of two targets in the first two places: as good as can be.
    assert found.tolist() == [0.5, 0.0, 1.0]


def test_ndcg_of_one_of_two_targets_is_measured_against_both():
    hit = hits(np.array([[5, 1, 2]]), [np.array([1, 9])])

    ideal = 1.0 + 1.0 / np.log2(3)
    assert ndcg(hit, np.array([2]), 3)[0] == pytest.approx((1.0 / np.log2(3)) / ideal)


def test_reciprocal_rank_is_of_the_first_target():
    assert reciprocal_rank(hits(RANKED, TARGETS)).tolist() == [pytest.approx(1 / 3), 0.0, 1.0]


def test_coverage_counts_different_items_and_no_empty_places():
    assert coverage(RANKED, 10, 2) == 0.6
    assert coverage(np.array([[-1, -1]]), 10, 2) == 0.0


def test_quality_is_the_mean_over_rows():
    found = quality(RANKED, TARGETS, item_count=10)

    assert found.hr_10 == pytest.approx(2 / 3)
    assert found.ndcg_10 == pytest.approx(0.5)
    assert found.mrr == pytest.approx((1 / 3 + 0 + 1) / 3)
    assert found.targets == 4


def test_novelty_is_the_mean_self_information_of_what_is_shown():
    # With one added to each: shares 4/8, 2/8, 1/8, 1/8, so 1, 2, 3 and 3 bits.
    counts = np.array([3, 1, 0, 0])

    assert novelty(np.array([[0, 1], [2, -1]]), counts, 2) == pytest.approx((1 + 2 + 3) / 3)
    assert novelty(np.array([[0, 1], [2, -1]]), counts, 1) == pytest.approx((1 + 3) / 2)
    assert novelty(np.array([[-1, -1]]), counts, 2) == 0.0


def test_gini_is_0_where_all_are_shown_alike_and_almost_1_where_one_is():
    assert gini(np.array([[0, 1], [2, 3]]), 4, 2) == 0.0
    # Shown 0, 0, 0 and 2 times: (4 · 2 - 4 - 1) · 2 / (4 · 2).
    assert gini(np.array([[3, 0], [3, 1]]), 4, 1) == pytest.approx(3 / 4)
    # Shown 0, 1, 1 and 2 times: (-1 + 1 + 3 · 2) / (4 · 4).
    assert gini(np.array([[3, 0], [3, 1]]), 4, 2) == pytest.approx(6 / 16)
    assert gini(np.array([[-1]]), 4, 1) == 0.0
