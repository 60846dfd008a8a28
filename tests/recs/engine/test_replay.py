"""A replay of two users, worked out by hand."""

import numpy as np

from recs.engine.interactions import Interactions, Kind
from recs.engine.recommender import Recommendations, top_k
from recs.engine.replay import hits_of, last_tenth, ordered_within_moments, replay

DAY = 86_400
VIEW, HID, BOUGHT = int(Kind.VIEW), int(Kind.HIDE), int(Kind.PURCHASE)
NOON = 10 * DAY + DAY // 2


def interactions(rows: list[tuple[int, int, int, int]]) -> Interactions:
    """Rows of (user, item, kind, time)."""
    user, item, kind, time = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Interactions(user, item, kind, time, np.full(len(rows), np.nan, dtype=np.float32), 2, 12)


# User 0 knew items 1 and 2. On the tenth day they look at 3, at once at 1 again, an hour later they hide 9 and
# look at 4; two days later they buy 5. User 1 comes on that day for the first time.
ROWS = [
    (0, 1, VIEW, 5 * DAY),
    (0, 2, VIEW, 9 * DAY),
    (0, 3, VIEW, NOON),
    (0, 1, VIEW, NOON + 60),
    (0, 9, HID, NOON + 3_700),
    (0, 4, VIEW, NOON + 3_760),
    (0, 5, BOUGHT, 12 * DAY + 5),
    (1, 7, VIEW, 12 * DAY + 10),
    (1, 8, VIEW, 12 * DAY + 10 + 30 * 60),
]


class Successor:
    """Recommends the number after the newest item; 0 without a history."""

    def recommend(self, histories, k, *, exclude=None, among=None) -> Recommendations:
        scores = np.tile(-np.arange(12, dtype=np.float32), (len(histories), 1))
        for row, history in enumerate(histories):
            if len(history):
                scores[row, (history.item[-1] + 1) % 12] = 1.0
        return top_k(scores, k, exclude=exclude, among=among)


def test_only_wishes_for_what_is_new_to_the_user_are_events():
    events = replay(interactions(ROWS), 10 * DAY, longest=50)

    assert events.user.tolist() == [0, 0, 0, 1, 1]
    assert events.target.tolist() == [3, 4, 5, 7, 8]


def test_a_complaint_is_no_wish():
    told = interactions([*ROWS[:2], (0, 6, int(Kind.RATING), NOON), (0, 7, int(Kind.RATING), NOON + 1)])
    told.value[2:] = (2.0, 3.0)

    assert replay(told, 10 * DAY, longest=50).target.tolist() == [7]


def test_one_history_follows_every_interaction_and_one_ends_at_midnight():
    events = replay(interactions(ROWS), 10 * DAY, longest=50)

    assert [row.item.tolist() for row in events.following] == [
        [1, 2],
        [1, 2, 3, 1, 9],
        [1, 2, 3, 1, 9, 4],
        [],
        [7],
    ]
    assert [row.item.tolist() for row in events.frozen] == [[1, 2], [1, 2], [1, 2, 3, 1, 9, 4], [], []]
    assert [row.tolist() for row in events.had] == [row.item.tolist() for row in events.following]


def test_a_visit_ends_after_more_than_half_an_hour_of_silence():
    events = replay(interactions(ROWS), 10 * DAY, longest=50)

    # 4 follows a hide by a minute; 8 follows 7 by half an hour exactly.
    assert events.first_of_visit.tolist() == [True, False, True, True, False]


def test_a_long_history_keeps_its_newest_and_still_excludes_all():
    events = replay(interactions(ROWS), 10 * DAY, longest=2)

    assert events.following[2].item.tolist() == [9, 4]
    assert events.frozen[1].item.tolist() == [1, 2]
    assert events.had[2].tolist() == [1, 2, 3, 1, 9, 4]


def test_hits_are_what_the_first_k_of_the_unknown_items_hold():
    events = replay(interactions(ROWS), 10 * DAY, longest=50)

    following = hits_of(Successor(), events.following, events, item_count=12, k=1)
    frozen = hits_of(Successor(), events.frozen, events, item_count=12, k=1)

    # Following: after 2 comes 3; after 9 comes 10, not 4; after 4 comes 5; nothing is known; after 7 comes 8.
    assert following.tolist() == [1.0, 0.0, 1.0, 0.0, 1.0]
    # Frozen, the second still expects 3, which they have, then 0; the last knows nothing yet.
    assert frozen.tolist() == [1.0, 0.0, 1.0, 0.0, 0.0]


def test_rows_of_an_invoice_stand_in_the_order_asked_for_and_others_in_that_of_time():
    data = interactions([(0, 3, BOUGHT, 10), (0, 4, BOUGHT, 10), (0, 5, BOUGHT, 20), (1, 6, BOUGHT, 5)])

    found = ordered_within_moments(data, np.array([9.0, 1.0, 0.0, 0.0]))

    assert found.item.tolist() == [4, 3, 5, 6]
    assert found.time.tolist() == [10, 10, 20, 5]


def test_events_that_share_a_history_are_answered_as_each_by_itself():
    rng = np.random.default_rng(0)
    rows = [(0, int(item), VIEW, 5 * DAY) for item in (0, 11)]
    rows += [(0, int(item), VIEW, NOON + at) for at, item in enumerate(rng.permutation(np.arange(1, 11)))]
    events = replay(interactions(rows), 10 * DAY, longest=50)
    assert len({id(history) for history in events.frozen}) == 1

    together = hits_of(Successor(), events.frozen, events, item_count=12, k=2)
    apart = hits_of(
        Successor(), [history.without(-1) for history in events.frozen], events, item_count=12, k=2
    )

    assert together.tolist() == apart.tolist()
    assert 0 < together.sum() < 10


def test_of_an_invoice_that_begins_a_visit_one_row_is_the_first():
    events = replay(interactions([(0, item, BOUGHT, DAY + 5) for item in (3, 4, 5)]), DAY, longest=50)

    assert events.first_of_visit.tolist() == [True, False, False]
    assert [len(row) for row in events.following] == [0, 1, 2]
    assert [len(row) for row in events.frozen] == [0, 0, 0]


def test_the_last_tenth_of_the_days_with_interactions_begins_at_a_midnight():
    noons = np.arange(20) * DAY + DAY // 2

    assert last_tenth(noons) == 18 * DAY
    # A second interaction of the day, and one after a year of silence, which makes it a day more: the 19th of 21.
    assert last_tenth(np.append(noons, [5, 400 * DAY])) == 18 * DAY
