"""A complaint is never read as a wish: it turns the user away, and training from what is complained of."""

import numpy as np
import pytest

from recs.engine.interactions import AGAINST, History, Interactions, Items, Kind
from recs.engine.recommender import Budget
from recs.engine.recommenders.transformer import Transformer
from recs.engine.transformer.batches import training_batch
from recs.engine.transformer.complaints import apart, renumbered, turned_away
from recs.engine.transformer.sequence import segments
from recs.engine.transformer.training_state import TrainingConfig
from recs.engine.transformer.user_tower import UserTowerConfig

ITEMS = 20


def interactions(rows: list[tuple[int, int, Kind, float]]) -> Interactions:
    """Of (user, item, kind, value)."""
    user, item, kind, value = zip(*rows, strict=True)
    time = 1_700_000_000 + 60 * np.arange(len(rows))
    columns = [np.array(part, dtype=np.int64) for part in (user, item, kind)]
    return Interactions(*columns, time, np.array(value, dtype=np.float32), max(user) + 1, ITEMS)


def fitted(data: Interactions, epochs: int = 20) -> Transformer:
    model = Transformer(
        user=UserTowerConfig(dimension=16, layers=1, heads=2, longest=10, dropout=0.0),
        training=TrainingConfig(batch=16, epochs=epochs, learning_rate=5e-3),
        second_stage=False,
    )
    model.fit(data, Items(count=ITEMS), budget=Budget(60), seed=0)
    return model


def history(pairs: list[tuple[int, Kind]], value: float = np.nan) -> History:
    items, kinds = (np.array(part, dtype=np.int64) for part in zip(*pairs, strict=True))
    times = 1_700_000_000 + 60 * np.arange(len(pairs))
    return History(items, kinds, times, np.full(len(pairs), value, dtype=np.float32))


def test_complaints_stand_after_the_same_users_interaction_before_them():
    data = interactions(
        [
            (0, 3, Kind.HIDE, np.nan),
            (0, 1, Kind.VIEW, np.nan),
            (0, 2, Kind.RATING, 2.0),
            (0, 4, Kind.RATING, 5.0),
            (1, 5, Kind.HIDE, np.nan),
            (1, 6, Kind.VIEW, np.nan),
            (1, 7, Kind.HIDE, np.nan),
        ]
    )

    kept, complaints = apart(data)

    assert kept.item.tolist() == [1, 4, 6]
    assert complaints.item.tolist() == [2, 7]
    assert complaints.after.tolist() == [0, 2]
    assert complaints.follow(np.array([0, 1, 2])).tolist() == [1, 0, 1]
    assert [part.tolist() for part in complaints.within(np.array([2, 0]), np.array([3, 2]))] == [
        [0, 1],
        [1, 0],
    ]


def test_what_a_complaint_takes_back_is_not_learnt_from_either():
    data = interactions(
        [
            (0, 1, Kind.VIEW, np.nan),
            (0, 2, Kind.PURCHASE, np.nan),
            (0, 3, Kind.VIEW, np.nan),
            (0, 2, Kind.RATING, 1.0),
            (0, 2, Kind.PURCHASE, np.nan),
            (1, 2, Kind.PURCHASE, np.nan),
            (1, ITEMS - 1, Kind.PURCHASE, np.nan),
            (2, -1, Kind.HIDE, np.nan),
        ]
    )

    kept, complaints = apart(data)

    assert list(zip(kept.user.tolist(), kept.item.tolist(), strict=True)) == [
        (0, 1),
        (0, 3),
        (0, 2),
        (1, 2),
        (1, ITEMS - 1),
    ]
    assert complaints.item.tolist() == [2]
    assert complaints.after.tolist() == [1]


def test_where_a_long_history_is_cut_a_complaint_teaches_once():
    rows = [(0, item, Kind.VIEW, np.nan) for item in range(5)]
    rows.insert(3, (0, 9, Kind.HIDE, np.nan))
    kept, complaints = apart(interactions(rows))
    pieces = segments(kept, 2)
    assert (pieces.start.tolist(), pieces.end.tolist()) == ([2, 0], [5, 3])

    batch = training_batch(
        kept,
        pieces,
        np.array([0, 1]),
        np.random.default_rng(0),
        np.ones(len(kept), dtype=np.float32),
        complaints=complaints,
    )

    # After the third view, in the piece that has all that came before.
    assert batch.against_item.tolist() == [9]
    assert (batch.against_row.tolist(), batch.against_step.tolist()) == ([1], [2])


def test_what_was_done_to_items_outside_the_catalogue_is_left_out():
    rows = [
        (0, 1, Kind.VIEW, np.nan),
        (0, -1, Kind.VIEW, np.nan),
        (0, -1, Kind.HIDE, np.nan),
        (0, 2, Kind.HIDE, np.nan),
        (1, -1, Kind.VIEW, np.nan),
        (1, 3, Kind.HIDE, np.nan),
    ]

    kept, complaints = apart(interactions(rows))
    met, numbered, against = renumbered(kept, complaints)

    assert kept.item.tolist() == [1]
    assert (complaints.after.tolist(), complaints.item.tolist()) == ([0], [2])
    assert (met.tolist(), numbered.item.tolist(), against.item.tolist()) == ([1, 2], [0], [1])


def test_a_user_is_turned_away_by_a_share_of_the_mean():
    users = np.eye(4, dtype=np.float32)[:3]
    complained = [np.eye(4, dtype=np.float32)[[1, 2]], np.zeros((0, 4), dtype=np.float32)]

    turned = turned_away(users[:2], complained)

    expected = np.array([1.0, -AGAINST / 2, -AGAINST / 2, 0.0])
    np.testing.assert_allclose(turned[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert turned[1].tolist() == users[1].tolist()


@pytest.mark.parametrize(("kind", "value"), [(Kind.HIDE, np.nan), (Kind.RATING, 1.0)])
def test_what_is_complained_of_and_what_is_like_it_falls(kind: Kind, value: float):
    rows = [
        (user, item, Kind.VIEW, np.nan)
        for user in range(40)
        for item in ((0, 1, 2) if user % 2 else (7, 8, 9))
    ]
    model = fitted(interactions(rows))
    liked = history([(0, Kind.VIEW), (7, Kind.VIEW)])
    complaining = history([(0, Kind.VIEW), (7, Kind.VIEW), (1, kind)], value)

    before, after = model.scores([liked, complaining])

    assert after[1] < before[1]
    assert after[2] - before[2] < after[8] - before[8]
    assert model.explain(complaining, 1)[2] < 0
    # It changes nothing but the direction: complaints alone say nothing of what is wanted.
    assert not model.encode([history([(1, kind)], value)]).any()


def test_serving_reads_complaints_as_the_recommender_does():
    rows = [(user, (user + step) % ITEMS, Kind.VIEW, np.nan) for user in range(30) for step in range(4)]
    model = fitted(interactions(rows), epochs=2)
    some = history([(0, Kind.VIEW), (1, Kind.HIDE), (2, Kind.VIEW), (3, Kind.HIDE), (4, Kind.CART_REMOVE)])

    served = model.user_tower.encode(
        model.vectors[some.item][None],
        some.kind[None],
        some.time[None],
        some.value[None],
        np.array([len(some)]),
    )

    np.testing.assert_allclose(served, model.encode([some]), atol=1e-5)


def test_a_view_that_was_taken_back_is_not_read():
    rows = [(user, (user + step) % ITEMS, Kind.VIEW, np.nan) for user in range(30) for step in range(4)]
    model = fitted(interactions(rows), epochs=2)

    taken_back = history([(0, Kind.VIEW), (5, Kind.VIEW), (5, Kind.HIDE)])

    np.testing.assert_allclose(
        model.encode([taken_back]), model.encode([history([(0, Kind.VIEW), (5, Kind.HIDE)])]), atol=1e-6
    )


def test_training_makes_less_likely_what_users_hid():
    """Everybody views 0 and then one of 1 … 4; half of them hid 4 in between."""
    rows = []
    for user in range(60):
        rows.append((user, 0, Kind.VIEW, np.nan))
        if user % 2:
            rows.append((user, 4, Kind.HIDE, np.nan))
        rows.append((user, 1 + user // 2 % 4, Kind.VIEW, np.nan))
    data = interactions(rows)
    without, _ = apart(data)
    asked = [history([(0, Kind.VIEW)])]

    told, untold = (fitted(some).scores(asked)[0] for some in (data, without))

    assert told[4] - told[1:4].mean() < untold[4] - untold[1:4].mean() - 0.01
