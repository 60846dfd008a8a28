"""Where shoppers went on to."""

import numpy as np
import pytest

from recs.engine.interactions import HeldOut, History, Interactions, Items, Kind
from recs.engine.recommender import Budget
from recs.engine.recommenders.transition_graph import FALL, Setting, TransitionGraph
from tests.contracts.small_recommenders import interactions_of

BACK, FLOOR = Setting().back, Setting().floor


def graph(data: Interactions, items: Items | None = None) -> TransitionGraph:
    made = TransitionGraph()
    made.fit(data, items or Items(count=data.item_count), budget=Budget(5), seed=0)
    return made


def edges(made: TransitionGraph) -> np.ndarray:
    return made.neighbours.toarray()


def test_edges_are_those_worked_out_by_hand():
    found = edges(graph(interactions_of([[0, 1, 2]], 4)))

    # 0 → 1 and 1 → 2 one step, 0 → 2 two; back they count BACK of that; each row over the root of its sum.
    ahead = {(0, 1): 1.0, (1, 2): 1.0, (0, 2): FALL}
    plain = np.zeros((4, 4))
    for (here, there), weight in ahead.items():
        plain[here, there], plain[there, here] = weight, BACK * weight
    sums = plain.sum(axis=1, keepdims=True)
    assert found == pytest.approx(plain / np.sqrt(np.where(sums > 0, sums, 1.0)), abs=1e-6)


def test_of_equal_transitions_the_one_to_what_is_alike_counts_more():
    data = interactions_of([[0, 1], [0, 2], [0, 3]], 4)
    items = Items(
        count=4,
        attribute_ids=np.array([0, 0, 1]),
        attribute_offsets=np.array([0, 1, 2, 3, 3]),
    )

    found = edges(graph(data, items))[0]

    assert found[1] / found[2] == pytest.approx((FLOOR + 1) / FLOOR)
    # Of the third nothing is known: as much as the others on average.
    assert found[3] / found[2] == pytest.approx((FLOOR + 0.5) / FLOOR)


def test_what_shares_a_moment_has_no_order():
    """One invoice each, always in the till's order."""
    rows = [[0, 1]] * 200
    data = interactions_of(rows, 2)
    together = Interactions(
        data.user, data.item, data.kind, np.full(len(data), 1_700_000_000), data.value, 200, 2
    )

    till, shuffled = edges(graph(data)), edges(graph(together))

    assert till[0, 1] > 1.5 * till[1, 0]
    assert shuffled[0, 1] == pytest.approx(shuffled[1, 0], rel=0.2)


def test_a_view_counts_less_than_a_purchase_and_a_complaint_is_no_transition():
    data = interactions_of([[0, 1], [0, 2], [0, 3]], 4)
    data.kind[[3, 5]] = int(Kind.VIEW), int(Kind.HIDE)

    found = edges(graph(data))[0]

    assert found[2] / found[1] == pytest.approx(0.3)
    assert found[3] == 0.0


def test_the_newest_wish_says_most():
    made = graph(interactions_of([[0, 2], [1, 3]] * 3, 4))

    scores = made.scores([History.of_items([0, 1]), History.of_items([1, 0])])

    assert scores[0, 3] / scores[0, 2] == pytest.approx(1 / made.decay)
    assert scores[1, 2] / scores[1, 3] == pytest.approx(1 / made.decay)


def test_what_it_goes_by_is_chosen_on_validation():
    """Four came to the item from the third, one went on to the second, and that is what is asked for."""
    data = interactions_of([[3, 1]] * 4 + [[1, 2]], 4)
    asked = HeldOut([History.of_items([1])], [np.array([2])], [np.array([1])])
    plain, chosen, too_late = graph(data), TransitionGraph(), TransitionGraph()

    chosen.fit(data, Items(count=4), budget=Budget(5), seed=0, validation=asked)
    too_late.fit(data, Items(count=4), budget=Budget(0), seed=0, validation=asked)

    best = [one.recommend(asked.histories, 1).items[0, 0] for one in (plain, chosen, too_late)]
    assert best == [3, 2, 3]


def test_the_owners_weights_of_kinds_count():
    data = interactions_of([[0, 1], [0, 2]], 3)
    data.kind[3] = int(Kind.VIEW)
    made = TransitionGraph({Kind.PURCHASE: 1.0, Kind.VIEW: 0.0})

    made.fit(data, Items(count=3), budget=Budget(5), seed=0)

    assert edges(made)[0, 1] > 0.0
    assert edges(made)[0, 2] == 0.0
