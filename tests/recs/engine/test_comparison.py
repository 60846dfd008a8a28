"""Intervals and paired tests on rows whose answer is known."""

import numpy as np
import pytest

from recs.engine.comparison import Interval, mean_interval, paired, ratio_interval


def test_an_interval_of_the_mean_is_that_of_the_textbook():
    rows = np.repeat([0.0, 1.0], [700, 300]).astype(np.float32)

    found = mean_interval(rows)

    # 0.3 ± 1.96 sqrt(0.3 · 0.7 / 1000) = 0.3 ± 0.0284
    assert found.low == pytest.approx(0.2716, abs=0.004)
    assert found.high == pytest.approx(0.3284, abs=0.004)


@pytest.mark.slow
def test_about_95_of_100_intervals_hold_the_truth():
    rng = np.random.default_rng(0)
    samples = [rng.binomial(1, 0.2, 200).astype(np.float32) for _ in range(100)]

    intervals = [mean_interval(rows, seed=number) for number, rows in enumerate(samples)]

    assert 89 <= sum(found.low <= 0.2 <= found.high for found in intervals) <= 99


def test_the_same_seed_gives_the_same_interval():
    rows = np.random.default_rng(1).random(50).astype(np.float32)

    assert mean_interval(rows, seed=3) == mean_interval(rows, seed=3)
    assert mean_interval(rows, seed=3) != mean_interval(rows, seed=4)


def test_rows_of_one_shopper_count_as_one_draw():
    # Ten shoppers, each with ten equal rows: no surer than ten rows.
    shopper = np.repeat(np.arange(10), 10)
    rows = (shopper % 2).astype(np.float32)

    apart, together = mean_interval(rows), mean_interval(rows, groups=shopper)
    ten = mean_interval((np.arange(10) % 2).astype(np.float32))

    assert together == ten
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_a_better_recommender_differs_by_what_it_wins_and_the_other_way_round():
    second = np.zeros(100, dtype=np.float32)
    first = np.where(np.arange(100) < 20, 0.5, 0.0).astype(np.float32)

    better, worse = paired(first, second), paired(second, first)

    assert better.difference == pytest.approx(0.1)
    assert worse.difference == pytest.approx(-0.1)
    assert better.interval.low > 0 > worse.interval.high
    # No sign of 20 equal differences but all alike lies as far out: 2 of 2^20.
    assert better.p_value == worse.p_value == pytest.approx(1 / 10_001)


def test_the_p_value_is_the_share_of_sign_flips_as_far_from_nothing():
    # Sums of ±1 ±1 ±1: 8 of which 2 lie as far out as 3.
    found = paired(np.ones(3, dtype=np.float32), np.zeros(3, dtype=np.float32))

    assert found.p_value == pytest.approx(2 / 8, abs=0.02)


def test_wins_and_losses_that_balance_are_no_difference():
    first = np.tile([1.0, 0.0], 50).astype(np.float32)

    found = paired(first, 1 - first)

    assert found.difference == 0.0
    assert found.interval.low < 0 < found.interval.high
    assert found.p_value == 1.0


def test_recommenders_asked_different_questions_cannot_be_paired():
    with pytest.raises(ValueError, match="3 rows cannot be paired with 2"):
        paired(np.zeros(3, dtype=np.float32), np.zeros(2, dtype=np.float32))


def test_nothing_measured_has_no_interval():
    with pytest.raises(ValueError, match="nothing was measured"):
        mean_interval(np.zeros(0, dtype=np.float32))


def test_a_ratio_that_is_the_same_for_every_shopper_is_certain():
    rows = np.array([1.0, 2.0, 3.0], dtype=np.float32)

    found = ratio_interval(2 * rows, rows)

    assert (found.low, found.high) == (2.0, 2.0)


def test_samples_with_nothing_in_either_say_nothing_of_a_ratio():
    # About a third of all samples of three rows have none of one of them.
    rare = np.array([0.0, 0.0, 1.0], dtype=np.float32)

    found = ratio_interval(rare, rare)
    infinite = ratio_interval(rare, rare[::-1])

    assert (found.low, found.high) == (1.0, 1.0)
    assert infinite.high == np.inf
    assert np.isnan(ratio_interval(0 * rare, 0 * rare).high)


def test_the_interval_of_equal_rows_is_a_point():
    assert mean_interval(np.full(10, 0.25, dtype=np.float32)) == Interval(0.25, 0.25)
