"""What a history wants, and what a complaint counts against it."""

import numpy as np
import pytest

from recs.engine.interactions import History, Interactions, Items, Kind
from recs.engine.recommender import Budget
from recs.engine.recommenders import FAMILY
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.wishes import read_wishes


def history(*pairs: tuple[int, Kind]) -> History:
    items, kinds = (np.array(part, dtype=np.int64) for part in zip(*pairs, strict=True))
    return History(items, kinds, np.arange(len(pairs)), np.full(len(pairs), np.nan, dtype=np.float32))


SOME = history(
    (1, Kind.VIEW), (2, Kind.VIEW), (2, Kind.HIDE), (3, Kind.HIDE), (3, Kind.PURCHASE), (4, Kind.HIDE)
)


def test_the_newest_word_on_an_item_counts():
    wishes = read_wishes([SOME], 10, decay=0.5)

    assert wishes.item.tolist() == [1, 3]
    assert wishes.weight.tolist() == [0.5, 1.0]


def test_a_complaint_weighs_less_than_nothing_where_a_method_can_tell():
    wishes = read_wishes([SOME, history((5, Kind.HIDE))], 10, decay=0.5, against=0.2)

    assert wishes.item.tolist() == [1, 2, 3, 4, 5]
    assert wishes.weight.tolist() == pytest.approx([0.5, -0.1, 1.0, -0.2, -0.2])
    assert wishes.empty.tolist() == [False, True]


def test_a_complaint_takes_back_earlier_wishes_for_its_item_however_often():
    views = history(
        (1, Kind.VIEW), (2, Kind.VIEW), (1, Kind.VIEW), (1, Kind.HIDE), (2, Kind.HIDE), (2, Kind.CLICK)
    )

    wishes = read_wishes([views], 10, decay=0.5, once=False, against=0.2)

    assert wishes.item.tolist() == [1, 2, 2]
    assert wishes.weight.tolist() == pytest.approx([-0.1, -0.1, 1.0])


def test_complaints_and_what_left_the_cart_tell_nothing():
    assert not history((1, Kind.HIDE), (-1, Kind.VIEW)).tells
    assert not history((1, Kind.CART_REMOVE)).tells
    assert not history((1, Kind.VIEW), (1, Kind.HIDE)).tells
    assert history((1, Kind.HIDE), (2, Kind.VIEW)).tells


@pytest.mark.parametrize("name", ["ease", "item_knn", "content_based", "transformer"])
def test_a_hide_pushes_away_what_is_like_it(name: str):
    """Two groups of users with items of their own; attributes say which."""
    rng = np.random.default_rng(0)
    item = np.concatenate([rng.permutation(5) + 5 * (user % 2) for user in range(60)])
    size = len(item)
    data = Interactions(
        np.repeat(np.arange(60), 5),
        item,
        np.full(size, int(Kind.PURCHASE)),
        1_700_000_000 + 60 * np.arange(size),
        np.full(size, np.nan, dtype=np.float32),
        60,
        10,
    )
    items = Items(count=10, attribute_ids=np.repeat([0, 1], 5), attribute_offsets=np.arange(11))
    model = FAMILY[name]()
    assert isinstance(model, ScoringRecommender)
    # The epochs end it, not the clock: what it has learnt must not hang on how busy the machine is.
    model.fit(data, items, budget=Budget(600), seed=0)

    views = (0, Kind.VIEW), (5, Kind.VIEW)
    before, after = model.scores([history(*views), history(*views, (6, Kind.HIDE))])

    alike = after[[7, 8, 9]] - before[[7, 8, 9]]
    assert (alike < 0).all()
    assert alike.max() < (after[[1, 2, 3, 4]] - before[[1, 2, 3, 4]]).min()
