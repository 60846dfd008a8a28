"""Splits by time: nothing from after the cut is in a history, and every target is new to its user."""

import numpy as np

from recs.engine.interactions import Interactions, Kind
from recs.engine.splits import followed_between, held_out_between, split_at, split_by_time

VIEW, BOUGHT, HID = int(Kind.VIEW), int(Kind.PURCHASE), int(Kind.HIDE)


def interactions(rows: list[tuple[int, int, int, int]], item_count: int = 20) -> Interactions:
    """Rows of (user, item, kind, time)."""
    user, item, kind, time = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    value = np.full(len(rows), np.nan, dtype=np.float32)
    return Interactions(user, item, kind, time, value, int(user.max()) + 1, item_count)


def test_history_ends_at_the_moment_and_the_target_is_the_first_new_item_after_it():
    data = interactions(
        [(0, 1, VIEW, 10), (0, 2, VIEW, 20), (0, 1, VIEW, 30), (0, 3, VIEW, 40), (0, 4, VIEW, 50)]
    )

    held = held_out_between(data, 30, None, longest=50, seed=0)

    assert [row.item.tolist() for row in held.histories] == [[1, 2]]
    assert [row.tolist() for row in held.targets] == [[3]]
    assert [row.tolist() for row in held.exclude] == [[1, 2]]


def test_of_one_invoice_any_row_may_be_the_target():
    data = interactions(
        [(0, 1, BOUGHT, 10), *[(0, item, BOUGHT, 20) for item in (2, 3, 4)], (0, 5, BOUGHT, 30)]
    )

    drawn = {int(held_out_between(data, 20, None, longest=50, seed=seed).targets[0][0]) for seed in range(40)}

    assert drawn == {2, 3, 4}


def test_every_row_of_an_invoice_is_asked_for_where_that_is_wanted():
    data = interactions(
        [
            (0, 1, BOUGHT, 10),
            *[(0, item, BOUGHT, 20) for item in (3, 1, 2)],
            (0, 5, BOUGHT, 30),
            (1, 1, VIEW, 1),
            (1, 4, VIEW, 40),
        ]
    )

    held = held_out_between(data, 20, None, longest=50, seed=0, every_target=True)

    assert [target.tolist() for target in held.targets] == [[2], [3], [4]]
    assert held.users.tolist() == [0, 0, 1]
    assert [history.item.tolist() for history in held.histories] == [[1], [1], [1]]


def test_an_item_outside_the_catalogue_is_no_target_and_no_complaint():
    data = interactions(
        [(0, 1, VIEW, 10), (0, -1, VIEW, 20), (0, 2, VIEW, 30), (1, 1, VIEW, 10), (1, -1, HID, 20)]
    )

    held = held_out_between(data, 15, None, longest=50, seed=0)

    assert [row.tolist() for row in held.targets] == [[2]]
    assert not held.complaints


def test_users_without_a_history_or_without_a_new_wish_are_left_out():
    data = interactions(
        [
            (0, 1, VIEW, 30),
            (1, 1, VIEW, 10),
            (1, 1, VIEW, 30),
            (2, 1, VIEW, 10),
            (2, 2, HID, 30),
            (3, 1, VIEW, 10),
        ]
    )

    assert len(held_out_between(data, 20, None, longest=50, seed=0)) == 0


def test_what_users_complained_of_is_told_apart_from_what_they_wanted():
    data = interactions(
        [
            (0, 1, VIEW, 10),
            (0, 1, HID, 30),
            (0, 2, HID, 31),
            (0, 3, HID, 32),
            (0, 4, VIEW, 33),
            (1, 1, VIEW, 10),
            (1, 5, int(Kind.RATING), 40),
            (2, 1, VIEW, 30),
            (2, 6, HID, 40),
        ]
    )
    data.value[6] = 1.0

    held = held_out_between(data, 20, None, longest=50, seed=0)

    assert [target.tolist() for target in held.targets] == [[4]]
    assert held.complaints is not None
    assert [target.tolist() for target in held.complaints.targets] == [[2], [5]]
    assert [history.item.tolist() for history in held.complaints.histories] == [[1], [1]]
    assert held.complaints.users.tolist() == [0, 1]
    assert held.complaints.kinds.tolist() == [HID, HID]
    assert held_out_between(data, 20, 31, longest=50, seed=0).complaints is None


def test_a_long_history_keeps_its_newest_but_excludes_all_of_it():
    data = interactions([*[(0, item, VIEW, item + 1) for item in range(6)], (0, 9, VIEW, 100)])

    held = held_out_between(data, 50, None, longest=2, seed=0)

    assert held.histories[0].item.tolist() == [4, 5]
    assert held.exclude[0].tolist() == [0, 1, 2, 3, 4, 5]


def test_each_part_of_a_split_by_time_lies_before_the_next():
    rng = np.random.default_rng(0)
    rows = sorted(
        (int(rng.integers(20)), int(rng.integers(20)), VIEW, int(rng.integers(1, 200))) for _ in range(600)
    )
    data = interactions(sorted(rows, key=lambda row: (row[0], row[3])))

    split = split_by_time(data, longest=50, seed=0)

    assert split.training.time.max() < split.validation_from < split.test_from
    # What is chosen on follows each interaction, what is judged on is asked from before its slice.
    assert all(row.time.max() < split.test_from for row in split.validation.histories)
    assert all(row.time.max() < split.test_from for row in split.test.histories)
    assert 0.08 < (data.time >= split.test_from).mean() < 0.12
    for part in (split.validation, split.test):
        assert len(part) > 0
        for target, exclude in zip(part.targets, part.exclude, strict=True):
            assert not np.isin(target, exclude).any()


def test_what_is_followed_is_asked_event_by_event_with_all_that_came_before_it():
    data = interactions(
        [
            (0, 1, VIEW, 10),
            (0, 2, BOUGHT, 30),
            (0, 1, VIEW, 40),
            (0, 3, HID, 50),
            (0, 4, VIEW, 60),
            (0, 5, VIEW, 90),
            (1, 1, VIEW, 30),
            (1, 2, VIEW, 40),
        ]
    )

    found = followed_between(data, 30, 90, longest=2, seed=0)

    # Not what was had before, hidden or came later, nor what somebody began with.
    assert [target.tolist() for target in found.targets] == [[2], [4], [2]]
    assert [row.item.tolist() for row in found.histories] == [[1], [1, 3], [1]]
    assert [row.tolist() for row in found.exclude] == [[1], [1, 2, 3], [1]]
    assert (found.users.tolist(), found.kinds.tolist()) == ([0, 0, 1], [BOUGHT, VIEW, VIEW])
    assert len(followed_between(data, 30, 90, longest=2, seed=0, most=2)) == 2


def test_rows_of_one_invoice_are_followed_in_an_order_that_chance_decides():
    data = interactions([(0, 1, VIEW, 10), *[(0, item, BOUGHT, 30) for item in (2, 3, 4)]])

    firsts = {int(followed_between(data, 30, 40, longest=9, seed=seed).targets[0][0]) for seed in range(40)}

    assert firsts == {2, 3, 4}


def test_complaints_of_the_slice_that_is_chosen_on_come_along():
    data = interactions([(0, 1, VIEW, 10), (0, 2, HID, 60), (0, 3, VIEW, 61), (0, 4, VIEW, 100)])

    split = split_at(data, 100, validation_share=0.5, longest=9, seed=0)

    assert [target.tolist() for target in split.validation.targets] == [[3]]
    assert [target.tolist() for target in split.validation.complaints.targets] == [[2]]


def test_where_nothing_came_before_the_test_there_is_nothing_to_learn_from():
    split = split_at(interactions([(0, 1, VIEW, 10), (0, 2, VIEW, 20)]), 5, longest=50, seed=0)

    assert (len(split.training), len(split.validation), split.validation_from) == (0, 0, 5)


def test_no_interactions_at_all_split_into_nothing():
    empty = np.zeros(0, dtype=np.int64)
    data = Interactions(empty, empty, empty, empty, np.zeros(0, dtype=np.float32), 0, 5)

    split = split_by_time(data, longest=50, seed=0)

    assert (len(split.training), len(split.validation), len(split.test)) == (0, 0, 0)


def test_held_out_rows_say_what_was_done_to_the_target():
    data = interactions([(0, 1, BOUGHT, 10), (0, 2, VIEW, 20), (1, 1, VIEW, 10), (1, 3, BOUGHT, 20)])

    held = held_out_between(data, 20, None, longest=50, seed=0)

    assert held.kinds.tolist() == [VIEW, BOUGHT]
    assert held.sample(1, seed=0).kinds.tolist() in ([VIEW], [BOUGHT])
