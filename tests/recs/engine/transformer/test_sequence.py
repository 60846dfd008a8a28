"""What the user tower reads of a history."""

from dataclasses import replace

import numpy as np
import pytest

from recs.engine.interactions import History, Interactions, Kind, shuffled_within_moments
from recs.engine.transformer.batches import TARGET_WEIGHTS, first_weights, training_batch
from recs.engine.transformer.complaints import apart
from recs.engine.transformer.sequence import (
    Segments,
    gap_bucket,
    length_sorted_batches,
    of_teachers,
    segments,
    sequence_batch,
)
from recs.engine.transformer.training_state import TrainingConfig

MINUTE, HOUR, DAY = 60, 3_600, 86_400
NOW = 1_700_000_000


def interactions(items: list[int], times: list[int], kinds: list[Kind] | None = None) -> Interactions:
    """Of one user."""
    size = len(items)
    return Interactions(
        user=np.zeros(size, dtype=np.int64),
        item=np.array(items),
        kind=np.array([int(kind) for kind in kinds or [Kind.VIEW] * size]),
        time=np.array(times),
        value=np.full(size, np.nan, dtype=np.float32),
        user_count=1,
        item_count=max(items) + 1,
    )


def test_gaps_fall_into_buckets_of_doubling_minutes():
    time = NOW + np.array([0, 0, 30, 30 + MINUTE, 30 + MINUTE + 2 * MINUTE, 30 + 3 * MINUTE + HOUR])

    assert gap_bucket(time).tolist() == [0, 0, 1, 1, 2, 6]


def test_times_that_are_not_known_are_no_gaps():
    assert gap_bucket(np.array([0, 0, NOW, NOW + DAY])).tolist() == [0, 0, 0, 11]


def test_a_long_history_is_cut_to_its_newest_and_items_outside_the_catalogue_are_left_out():
    batch = sequence_batch(
        [History.of_items([1, 2, -1, 3, 4, 10]), History.of_items([]), History.of_items([9])],
        3,
        item_count=10,
    )

    assert batch.item.tolist() == [[2, 3, 4], [-1, -1, -1], [9, -1, -1]]
    assert batch.length.tolist() == [3, 0, 1]


@pytest.mark.parametrize("items", [[1, 2, -1, 3, 4, 10], [9], [], [-1, 10]])
def test_one_history_is_read_as_it_is_beside_a_longer_one(items: list[int]):
    one, longer = History.of_items(items), History.of_items([5, 6, 7])
    alone, beside = sequence_batch([one], 3, item_count=10), sequence_batch([one, longer], 3, item_count=10)

    assert alone.length[0] == beside.length[0]
    for name in ("item", "kind", "gap", "value"):
        read, other = getattr(alone, name)[0], getattr(beside, name)[0]
        assert read.dtype == other.dtype
        assert read[: alone.length[0]].tolist() == other[: alone.length[0]].tolist()


def test_a_long_history_becomes_pieces_that_meet_in_one_interaction():
    data = interactions(list(range(8)), [0] * 8)

    pieces = segments(data, 3)

    assert list(zip(pieces.start.tolist(), pieces.end.tolist(), strict=True)) == [(4, 8), (1, 5), (0, 2)]


def test_rows_of_one_moment_are_shuffled_and_those_of_others_keep_their_order():
    data = interactions(list(range(40)), [NOW] * 20 + [NOW + DAY] * 20)

    shuffled = shuffled_within_moments(data, np.random.default_rng(0))

    assert shuffled.item[:20].tolist() != list(range(20))
    assert sorted(shuffled.item[:20].tolist()) == list(range(20))
    assert sorted(shuffled.item[20:].tolist()) == list(range(20, 40))


def test_without_times_the_order_is_all_that_is_known_and_stays():
    data = interactions(list(range(20)), [0] * 20)

    assert shuffled_within_moments(data, np.random.default_rng(0)).item.tolist() == list(range(20))


def test_what_a_user_complains_of_is_not_read_and_counts_against_where_they_stood():
    kinds = [Kind.VIEW, Kind.HIDE, Kind.VIEW, Kind.CART_REMOVE, Kind.RATING, Kind.PURCHASE, Kind.HIDE]
    data = interactions([0, 1, 2, 3, 4, 5, 6], [NOW] * 7, kinds)
    data.value[4] = 2.0
    kept, complaints = apart(data)

    batch = training_batch(
        kept,
        segments(kept, 50),
        np.array([0]),
        np.random.default_rng(1),
        first_weights(kept),
        {**TARGET_WEIGHTS, Kind.HIDE: 0.5},
        complaints,
    )

    # The newest interaction is read because a complaint follows it, and predicts nothing.
    assert batch.item.tolist() == [[0, 2, 3, 5]]
    assert batch.target.tolist() == [[2, 3, 5, 5]]
    assert batch.weight.numpy() == pytest.approx(np.array([[0.3, 0.0, 1.0, 0.0]]))
    assert batch.against_item.tolist() == [1, 4, 6]
    assert batch.against_row.tolist() == [0, 0, 0]
    assert batch.against_step.tolist() == [0, 2, 3]
    assert batch.against_weight.tolist() == [0.5, 1.0, 0.5]


def test_what_a_kind_counts_can_be_told():
    data = interactions([0, 1, 2], [NOW] * 3, [Kind.VIEW, Kind.VIEW, Kind.PURCHASE])

    counts = first_weights(data, {Kind.PURCHASE: 2.0})
    batch = training_batch(data, segments(data, 50), np.array([0]), np.random.default_rng(1), counts)

    assert batch.weight.tolist() == [[0.0, 2.0]]


def test_what_was_dealt_with_before_is_no_target_and_its_first_time_counts_as_the_most_of_it():
    kinds = [Kind.VIEW, Kind.VIEW, Kind.PURCHASE, Kind.VIEW, Kind.CART_ADD]
    data = interactions([4, 2, 4, 4, 3], [NOW] * 5, kinds)

    assert first_weights(data).tolist() == pytest.approx([1.0, 0.3, 0.0, 0.0, 0.7])


def test_the_first_time_is_each_users_own():
    data = replace(interactions([1, 1, 1], [NOW] * 3), user=np.array([0, 1, 1]), user_count=2)

    assert first_weights(data).tolist() == pytest.approx([0.3, 0.3, 0.0])
    assert first_weights(data.kept(np.zeros(0, dtype=np.int64))).tolist() == []


@pytest.mark.parametrize(
    ("asked", "histories"),
    [(2, 256), (6, 256), (12, 128), (48, 32), (2_000, 1)],
    ids=lambda given: str(given),
)
def test_a_step_asks_about_as_much_however_long_the_histories_are(asked: int, histories: int):
    start = np.arange(10) * 3_000

    assert TrainingConfig().histories(Segments(start, start + asked + 1)) == histories


def test_batches_hold_every_row_once_and_rows_of_like_length():
    lengths = np.array([5, 50, 6, 49, 7, 48])

    batches = list(length_sorted_batches(lengths, 3, np.random.default_rng(0)))

    assert sorted(sorted(batch.tolist()) for batch in batches) == [[0, 2, 4], [1, 3, 5]]


def test_of_users_who_did_one_thing_only_nothing_is_learnt():
    user = np.array([0, 0, 1, 1, 2, 3, 3])
    item = np.array([0, 1, 1, 0, 2, 0, 3])
    kinds = np.where(item == 3, int(Kind.HIDE), int(Kind.VIEW))
    nothing, zeros = np.full(len(user), np.nan, dtype=np.float32), np.zeros(len(user), dtype=np.int64)
    data = Interactions(user, item, kinds, zeros, nothing, 4, 4)

    assert of_teachers(data).item.tolist() == [0, 1, 1, 0]
    alone = data.kept(np.array([4, 5]))
    assert of_teachers(alone) is alone
