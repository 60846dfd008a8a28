"""The weights of a blend, on scores that are written down."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recs.engine.interactions import HeldOut, History, Kind
from recs.engine.recommenders import blending
from recs.engine.recommenders.blending import (
    FEWEST,
    Candidates,
    candidates,
    learn_weights,
    length_bucket,
    lengths,
    normalised,
)
from recs.engine.recommenders.scoring import ScoringRecommender

ITEMS = 30


def said_by(right: np.ndarray) -> Candidates:
    """Two members; ``right`` [rows, members] says who puts the target first. Who does not puts it last."""
    rows = len(right)
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.2, 0.8, size=(rows, ITEMS, 2)).astype(np.float32)
    scores[:, 0] = np.where(right, 1.0, 0.0)
    hit = np.zeros((rows, ITEMS), dtype=bool)
    hit[:, 0] = True
    return Candidates(
        scores.transpose(2, 0, 1), hit, np.where(np.arange(rows) % 2 == 0, 1, 12), np.arange(rows)
    )


def ndcg(scores: np.ndarray, hit: np.ndarray, *weights: float) -> float:
    """Of one row's scores [members, candidates]."""
    found = Candidates(scores[:, None], hit[None], np.array([1]), np.array([0]))
    return found.ndcg(np.array(weights, dtype=np.float32))


def test_ndcg_of_a_blend_by_hand():
    scores = np.array([[0.9, 0.5, 0.1], [0.0, 1.0, 0.2]], dtype=np.float32)
    hit = np.array([True, False, False])

    assert ndcg(scores, hit, 1.0, 0.0) == pytest.approx(1.0)
    assert ndcg(scores, hit, 1.0, 1.0) == pytest.approx(1 / np.log2(3))
    assert ndcg(scores, hit, 0.0, 1.0) == pytest.approx(1 / np.log2(4))


def test_a_target_that_no_member_names_counts_nothing():
    assert ndcg(np.ones((1, 4), dtype=np.float32), np.zeros(4, dtype=bool), 1.0) == 0.0


def test_who_gives_everything_the_same_score_has_found_nothing():
    assert ndcg(np.zeros((1, ITEMS), dtype=np.float32), np.arange(ITEMS) == 3, 1.0) == 0.0


def test_a_member_that_is_never_right_gets_no_weight():
    right = np.zeros((4 * FEWEST, 2), dtype=bool)
    right[:, 0] = True

    assert (learn_weights(said_by(right))[:, 1] == 0).all()


def test_each_length_of_history_gets_the_member_that_suits_it():
    rows = np.arange(4 * FEWEST)
    right = np.stack([rows % 2 == 0, rows % 2 == 1], axis=1)

    weights = learn_weights(said_by(right))

    short, long = weights[length_bucket(np.array([1, 12]))]
    assert short[0] > short[1]
    assert long[1] > long[0]


def test_a_history_is_as_long_as_what_is_wished_for_in_it_whoever_left_out_the_rest():
    kinds = [Kind.VIEW, Kind.VIEW, Kind.HIDE, Kind.VIEW, Kind.CART_REMOVE, Kind.VIEW]
    whole = History.of_items([0, 1, 0, 2, 2, ITEMS])
    whole = replace(whole, kind=np.array([int(kind) for kind in kinds]))

    # Item 0 was taken back, and the last one is not of the catalogue.
    assert lengths([whole, whole.kept(np.array([1, 2, 3, 4, 5])), whole.kept(slice(0))], ITEMS).tolist() == [
        2,
        2,
        0,
    ]


def test_weights_of_a_length_must_suit_other_users_than_chose_them():
    """All rows of a long history are one user's."""
    rows = 4 * FEWEST
    right = np.stack([np.arange(rows) % 2 == 0, np.arange(rows) % 2 == 1], axis=1)
    found = said_by(right)
    everybody, loud = np.arange(rows), found.length == 12
    whole = learn_weights(replace(found, users=np.where(loud, 7, everybody)))

    short, long = whole[length_bucket(np.array([1, 12]))]

    # Nobody else can agree, so the weights of all stay.
    assert long.tolist() == whole[length_bucket(np.array([3]))][0].tolist()
    assert short[0] > short[1]


def test_a_member_that_tells_items_apart_by_a_billionth_of_popularity_stays_faint():
    scores = np.array([[1e-9, 5e-10, 0.0], [2e-6, 1e-6, 1e-9]], dtype=np.float32)

    assert normalised(scores)[0] == pytest.approx([1e-3, 5e-4, 0.0])
    assert normalised(scores)[1] == pytest.approx([1.0, 0.5, 5e-4])


def test_a_row_without_a_score_above_nothing_stays_as_it_is():
    assert normalised(np.array([[-2.0, -0.5]], dtype=np.float32)).tolist() == [[-2.0, -0.5]]


def test_members_speak_on_one_scale_and_a_row_without_a_score_stays():
    scores = np.array([[2.0, 4.0, -2.0], [0.0, 0.0, 0.0]], dtype=np.float32)

    assert normalised(scores).tolist() == [[0.5, 1.0, -0.5], [0.0, 0.0, 0.0]]


class Saying(ScoringRecommender):
    """Says the same of every history."""

    name = "saying"

    def __init__(self, said: list[float]) -> None:
        self.said = said

    def scores(self, histories):
        return np.tile(np.array(self.said, dtype=np.float32), (len(histories), 1))

    fit = pack = unpack = parameters = None  # type: ignore[assignment]


@pytest.mark.parametrize("at_once", [1, 256])
def test_candidates_are_what_any_member_puts_first_but_what_is_excluded(
    monkeypatch: pytest.MonkeyPatch, at_once: int
):
    monkeypatch.setattr(blending, "PLACES", 2)
    monkeypatch.setattr(blending, "AT_ONCE", at_once)
    nothing = np.zeros(0, dtype=np.int64)
    held_out = HeldOut(
        histories=[History.of_items([1, 2, 3]), History.of_items([]), History.of_items([4, 9])],
        targets=[np.array([0]), np.array([5]), np.array([4])],
        exclude=[nothing, np.array([4, 0, 77]), np.array([0, 2, 4, 5])],
        users=np.array([7, 8, 9]),
    )

    found = candidates([Saying([2, 1, 4, 0, 0, 0]), Saying([0, 0, 0, 0, 5, 10])], held_out)

    by_row = [
        {tuple(pair) for pair, there in zip(row.T.tolist(), row[0] > -1, strict=True) if there}
        for row in found.scores.transpose(1, 0, 2)
    ]
    assert by_row == [
        {(1.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.0, 1.0)},
        {(1.0, 0.0), (0.25, 0.0), (0.0, 1.0)},
        {(0.25, 0.0), (0.0, 0.0)},
    ]
    assert found.hit.sum(axis=1).tolist() == [1, 1, 0]
    assert found.scores[:, found.hit].T.tolist() == [[0.5, 0.0], [0.0, 1.0]]
    assert found.length.tolist() == [3, 0, 1]
    assert found.users.tolist() == [7, 8, 9]


def test_rows_for_which_there_is_no_time_are_not_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blending, "AT_ONCE", 2)
    clock = iter(range(10))
    monkeypatch.setattr(blending.time, "monotonic", lambda: next(clock))
    rows = 8
    held_out = HeldOut(
        histories=[History.of_items([0] * (1 + row)) for row in range(rows)],
        targets=[np.array([row % 3]) for row in range(rows)],
        exclude=[np.zeros(0, dtype=np.int64)] * rows,
        users=np.arange(10, 10 + rows),
    )

    found = candidates([Saying([1, 2, 3])], held_out, until=0.5)

    # Two batches: one before the time was over, and one that had begun by then.
    assert len(found.users) == 4
    assert found.users.tolist() == sorted(found.users)
    assert found.length.tolist() == (found.users - 9).tolist()
    right = np.take_along_axis(found.scores[0], found.hit.argmax(axis=1)[:, None], axis=1)[:, 0]
    assert np.allclose(right, [(1 + (user - 10) % 3) / 3 for user in found.users])
