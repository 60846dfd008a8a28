"""What is taken out of training is nowhere in it."""

from dataclasses import replace

import numpy as np
import pytest

from recs.engine import cold
from recs.engine.interactions import HeldOut, History, Interactions, Kind


def test_the_share_drawn_is_the_share_asked_for_and_the_seed_decides_which():
    drawn = cold.draw(200, 0.1, seed=1)

    assert len(np.unique(drawn)) == 20
    assert drawn.tolist() == cold.draw(200, 0.1, seed=1).tolist()
    assert drawn.tolist() != cold.draw(200, 0.1, seed=2).tolist()
    assert len(cold.draw(5, 0.01, seed=0)) == 1
    with pytest.raises(ValueError, match="not 1"):
        cold.draw(5, 1.0, seed=0)
    with pytest.raises(ValueError, match="at least two"):
        cold.draw(1, 0.1, seed=0)


def test_interactions_with_cold_items_go_and_numbers_stay():
    item = np.array([0, 1, 2, 1])
    data = Interactions(
        user=np.array([0, 0, 1, 2]),
        item=item,
        kind=np.full(4, int(Kind.VIEW)),
        time=np.array([1, 2, 3, 4]),
        value=np.zeros(4, dtype=np.float32),
        user_count=3,
        item_count=3,
    )

    found = cold.interactions_without(data, np.array([1]))

    assert (found.user.tolist(), found.item.tolist(), found.time.tolist()) == ([0, 1], [0, 2], [1, 3])
    assert (found.user_count, found.item_count) == (3, 3)


def test_validation_names_no_cold_item():
    held_out = HeldOut(
        [History.of_items(row) for row in ([0, 1, 2], [0, 2], [1], [2, 0])],
        [np.array([3]), np.array([1]), np.array([3]), np.array([1, 4])],
        [np.array(row) for row in ([0, 1, 2], [0, 2], [1], [2, 0])],
        users=np.array([7, 7, 8, 9]),
        kinds=np.array([Kind.VIEW, Kind.VIEW, Kind.VIEW, Kind.PURCHASE]),
    )
    held_out = replace(held_out, complaints=held_out)

    found = cold.held_out_without(held_out, np.array([1]))

    # The second wants a cold item alone; of the third nothing is known but one.
    assert [history.item.tolist() for history in found.histories] == [[0, 2], [2, 0]]
    assert [target.tolist() for target in found.targets] == [[3], [4]]
    assert found.users is not None
    assert found.kinds is not None
    assert (found.users.tolist(), found.kinds.tolist()) == ([7, 9], [Kind.VIEW, Kind.PURCHASE])
    assert found.complaints is not None
    assert [target.tolist() for target in found.complaints.targets] == [[3], [4]]


def test_after_so_many_clicks_the_next_is_wanted_of_the_same_users():
    sequences = [np.array([5, 6, 7, 8, 9]), np.array([1, 2, 3]), np.array([4, 3, 2, 1])]

    none, three = cold.first_clicks(sequences, 0), cold.first_clicks(sequences, 3)

    assert [len(history) for history in none.histories] == [0, 0]
    assert [target.tolist() for target in none.targets] == [[5], [4]]
    assert [history.item.tolist() for history in three.histories] == [[5, 6, 7], [4, 3, 2]]
    assert [target.tolist() for target in three.targets] == [[8], [1]]
    assert [items.tolist() for items in three.exclude] == [[5, 6, 7], [4, 3, 2]]
