"""Weights of a blend, learnt on validation: a search along one weight at a time for the highest NDCG@10."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recs.engine.evaluation import rows_at_once
from recs.engine.interactions import FloatArray, HeldOut, History, IntArray
from recs.engine.recommender import best_places, inside
from recs.engine.recommenders.scoring import ScoringRecommender

PLACES = 100
"""Of each member's list: what no member puts there has no part in the first ten of a blend."""
WEIGHTS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
ROUNDS = 3
LENGTHS = (2, 5, 10)
"""Bounds of the histories' lengths 1, 2–4, 5–9 and 10 or more."""
LENGTH_NAMES = ("1", "2-4", "5-9", "10+")
FEWEST = 200
"""Rows on which a length of history may have weights of its own."""
AT_ONCE = 256
"""Rows, or fewer where their scores of a large catalogue would fill the memory."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the members say of the items that could come first; ``scores`` float32 [members, rows, candidates]
    (-1e9 where a row has fewer candidates), ``hit`` bool [rows, candidates], ``length`` and ``users`` int64 [rows]."""

    scores: FloatArray
    hit: NDArray[np.bool_]
    length: IntArray
    users: IntArray

    def of(self, rows: IntArray) -> Candidates:
        """These rows alone."""
        return Candidates(self.scores[:, rows], self.hit[rows], self.length[rows], self.users[rows])

    def blended(self, weights: FloatArray) -> FloatArray:
        """float32 [rows, candidates]."""
        result = np.zeros(self.hit.shape, dtype=np.float32)
        for number in np.flatnonzero(weights):
            result += weights[number] * self.scores[number]
        return result

    def ndcg(self, weights: FloatArray) -> float:
        """Mean NDCG@10 of the blend, of one target a row."""
        return self.ndcg_of(self.blended(weights))

    def ndcg_of(self, blended: FloatArray) -> float:
        """Mean NDCG@10 of these scores [rows, candidates], of one target a row."""
        own = np.where(self.hit, blended, -np.inf).max(axis=1)
        # Equals count before it: who gives everything the same score has found nothing.
        place = np.count_nonzero(blended >= own[:, None], axis=1) - 1
        gain = np.where(np.isfinite(own) & (place < 10), 1.0 / np.log2(place + 2.0), 0.0)
        return float(gain.mean())


FAINTEST = 1e-6
"""Of a row's highest score. Where no neighbour speaks for anything, neighbourhood methods tell items apart by a
billionth of popularity: made a voice as loud as any, that would be popularity in the name of those who know nothing."""


def normalised(scores: FloatArray) -> FloatArray:
    """Each row over its highest, so that members speak on one scale whatever a history's length; one whose highest is
    below ``FAINTEST`` over that, so that it stays faint."""
    best = scores.max(axis=1, keepdims=True)
    return (scores / np.where(best > 0, np.maximum(best, FAINTEST), 1.0)).astype(np.float32)


def candidates(
    members: Sequence[ScoringRecommender], held_out: HeldOut, *, seed: int = 0, until: float = math.inf
) -> Candidates:
    """Asks all members for all rows, or for as many batches of them, drawn at random, at least one, as there is time
    for; excluded items are no candidates. ``until``: ``time.monotonic``."""
    items = members[0].scores(held_out.histories[:1]).shape[1]
    size, places = rows_at_once(items, most=AT_ONCE), min(PLACES, items)
    drawn = np.random.default_rng(seed).permutation(len(held_out))
    scores: list[FloatArray] = []
    hits: list[NDArray[np.bool_]] = []
    for start in range(0, len(drawn), size):
        if hits and time.monotonic() > until:
            break
        rows = drawn[start : start + size]
        histories = [held_out.histories[row] for row in rows]
        said = np.empty((len(members), len(rows), items), dtype=np.float32)
        for number, member in enumerate(members):
            said[number] = normalised(member.scores(histories))
        for place, row in enumerate(rows):
            said[:, place, inside(held_out.exclude[row], items)] = -np.inf
        first = [best_places(one, places) for one in said]
        for place, row in enumerate(rows):
            chosen = np.unique([best[place] for best in first])
            chosen = chosen[np.isfinite(said[0, place, chosen])]
            scores.append(said[:, place, chosen])
            hits.append(np.isin(chosen, held_out.targets[row]))
    # At least one: a row whose items are all excluded has none.
    width = max(1, *(len(row) for row in hits))
    padded = np.full((len(members), len(hits), width), -1e9, dtype=np.float32)
    hit = np.zeros((len(hits), width), dtype=bool)
    asked = drawn[: len(hits)]
    for place, number in enumerate(np.argsort(asked)):
        size = len(hits[number])
        padded[:, place, :size], hit[place, :size] = scores[number], hits[number]
    asked = np.sort(asked)
    length = lengths([held_out.histories[row] for row in asked], items)
    return Candidates(padded, hit, length, held_out.whose[asked])


def learn_weights(found: Candidates) -> FloatArray:
    """float32 [lengths, members]: one set of weights for all, and another for a length of history where half of its
    users choose it and the other half agree that it is better."""
    alone = np.eye(len(found.scores), dtype=np.float32)
    shared = _search(found, max(alone, key=found.ndcg))
    weights = np.repeat(shared[None, :], len(LENGTHS) + 1, axis=0)
    bucket = length_bucket(found.length)
    for number in range(len(weights)):
        rows = np.flatnonzero(bucket == number)
        _, user = np.unique(found.users[rows], return_inverse=True)
        one, other = found.of(rows[user % 2 == 0]), found.of(rows[user % 2 == 1])
        if len(rows) < FEWEST or not len(other.users):
            continue
        own = _search(one, shared)
        if other.ndcg(own) > other.ndcg(shared):
            weights[number] = own
    return weights


def lengths(histories: Sequence[History], item_count: int) -> IntArray:
    """int64 [histories]: wishes for items of the catalogue. Complaints, and what they take back, which a caller may
    have left out already, make no history longer."""
    wishes = (history.wishes & (history.item < item_count) for history in histories)
    return np.array([np.count_nonzero(one) for one in wishes], dtype=np.int64)


def length_bucket(length: IntArray) -> IntArray:
    return np.digitize(length, LENGTHS)


def _search(found: Candidates, start: FloatArray) -> FloatArray:
    """From ``start``, one member's weight after another, until a round changes nothing."""
    best, weights = found.ndcg(start), start
    for _ in range(ROUNDS):
        before = weights
        for member, said in enumerate(found.scores):
            others = weights.copy()
            others[member] = 0.0
            without = found.blended(others)
            for weight in WEIGHTS:
                tried = others.copy()
                tried[member] = weight
                ndcg = found.ndcg_of(without + np.float32(weight) * said) if tried.any() else -1.0
                if ndcg > best:
                    best, weights = ndcg, tried
        if (weights == before).all():
            break
    return weights
