"""Summands of a candidate's score. Each is bounded, so that their weights can be read against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recs.feed.candidates import Candidate, FeedRequest, Vector

Scorer = Callable[[Sequence[Candidate], FeedRequest], Vector]

RECENT_WEIGHT = 0.6
"""What a product next to the one just looked at gains against the shopper's vector, which is within -1 … 1."""
RECENT_DECAY = 0.8
"""Weight of a recent product against the next newer one."""
WORD_WEIGHT = 0.4
"""What a product with the same words gains. After three lunch bags, of 24 products 5 were lunch bags with 0 and 10
with 0.4 and 0.8; after three buntings 7, 11 and 13 were buntings."""
NEWCOMER_WEIGHT = 0.7
"""What a newcomer gains by its words, for want of neighbours and of buyers: as much as both can give others."""
POPULARITY_WEIGHT = 0.1
"""Decides between products that suit alike; a tenth of what a perfect match counts."""
AGREEMENT_WEIGHT = 0.02
"""Per further source that proposed the product."""


def shopper_affinity(candidates: Sequence[Candidate], request: FeedRequest) -> Vector:
    """``p(u, c) = <u', c'>``: the model's own score, for candidates of all sources."""
    if request.vector is None:
        return np.zeros(len(candidates), dtype=np.float32)
    return product_matrix(candidates, len(request.vector)) @ request.vector


def model_affinity(candidates: Sequence[Candidate], request: FeedRequest) -> Vector:
    """The score of the recommender that ranks in place of the vectors.

    What came into the shop since it learnt is unknown to it and keeps the score of the vectors, which place a
    product by its content.
    """
    by_vector = shopper_affinity(candidates, request)
    if request.scores is None:
        return by_vector
    scores = request.scores.of([one.product_id for one in candidates])
    return np.where(np.isnan(scores), by_vector, scores).astype(np.float32)


def recent_affinity(candidates: Sequence[Candidate], request: FeedRequest) -> Vector:
    """Nearness to the products that the shopper dealt with last, as the similar source measured it."""
    weight = {one.product_id: RECENT_DECAY**place for place, one in enumerate(request.recent)}
    scores = np.zeros(len(candidates), dtype=np.float32)
    for place, one in enumerate(candidates):
        proposal = one.proposals.get("similar_to_recent")
        if proposal and proposal.because in weight:
            scores[place] = RECENT_WEIGHT * proposal.score * weight[proposal.because]
    return scores


def word_affinity(candidates: Sequence[Candidate], request: FeedRequest) -> Vector:
    """Likeness of the names to those that the shopper dealt with last, as the sources measured it."""
    found = [one.proposals.get("alike_in_words") or one.newcomer for one in candidates]
    return np.array([WORD_WEIGHT * one.score if one else 0.0 for one in found], dtype=np.float32)


def newcomer(candidates: Sequence[Candidate], request: FeedRequest) -> Vector:
    """For products that came since the model learnt: what others gain by neighbours and buyers."""
    found = [one.newcomer for one in candidates]
    return np.array([NEWCOMER_WEIGHT * one.score if one else 0.0 for one in found], dtype=np.float32)


def best_place(candidates: Sequence[Candidate], request: FeedRequest) -> Vector:
    """Best place in any source's order, 1 at the top and falling to 0: for feeds that follow their sources."""
    best = {one.product_id: 0.0 for one in candidates}
    for name in {source for one in candidates for source in one.sources}:
        proposed = sorted(
            (one for one in candidates if name in one.proposals),
            key=lambda one: -one.proposals[name].score,
        )
        for place, one in enumerate(proposed):
            best[one.product_id] = max(best[one.product_id], 1.0 - place / len(proposed))
    return np.array([best[one.product_id] for one in candidates], dtype=np.float32)


def first_source_first(*names: str) -> Scorer:
    """For feeds with a source that leads: the others fill up what it leaves.

    Of n sources the first spreads its candidates, in its own order, over 1 … (n - 1)/n, the second over the
    next nth, and so on. A product counts for the first that proposed it.
    """

    def source_order(candidates: Sequence[Candidate], request: FeedRequest) -> Vector:
        led: dict[str, list[Candidate]] = {name: [] for name in names}
        for one in candidates:
            name = next((name for name in names if name in one.proposals), None)
            if name is not None:
                led[name].append(one)
        score: dict[int, float] = {}
        for band, (name, found) in enumerate(led.items()):
            found.sort(key=lambda one: -one.proposals[name].score)
            for place, one in enumerate(found):
                score[one.product_id] = 1.0 - (band + place / len(found)) / len(names)
        return np.array([score.get(one.product_id, 0.0) for one in candidates], dtype=np.float32)

    return source_order


def popularity(candidates: Sequence[Candidate], request: FeedRequest) -> Vector:
    """Logarithm of how much the product is wanted, against the most wanted candidate."""
    wanted = np.log1p([max(0.0, one.facts.popularity) if one.facts else 0.0 for one in candidates])
    return (POPULARITY_WEIGHT * wanted / max(1e-9, float(wanted.max(initial=0.0)))).astype(np.float32)


def agreement(candidates: Sequence[Candidate], request: FeedRequest) -> Vector:
    """Sources that know nothing of each other and name the same product."""
    return np.array([AGREEMENT_WEIGHT * (len(one.sources) - 1) for one in candidates], dtype=np.float32)


def product_matrix(candidates: Sequence[Candidate], dimension: int) -> Vector:
    """float32 [candidates, d], zeros where a product has no vector."""
    nothing = np.zeros(dimension, dtype=np.float32)
    rows = [one.facts.vector if one.facts and one.facts.vector is not None else nothing for one in candidates]
    return np.stack(rows) if rows else np.zeros((0, dimension), dtype=np.float32)


BY_LIKENESS: tuple[tuple[str, Scorer, tuple[str, ...]], ...] = (
    ("recent_affinity", recent_affinity, ("similar_to_recent",)),
    ("word_affinity", word_affinity, ("alike_in_words", "newcomers")),
    ("newcomer", newcomer, ("newcomers",)),
)
"""Summands that measure likeness to one product of the history, which the proposal of the first of these sources
names: name, scorer, sources."""
