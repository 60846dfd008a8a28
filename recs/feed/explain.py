"""Reasons, read off the numbers that ranked: they cannot disagree with the ranking."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recs.engine.interactions import Kind
from recs.feed.candidates import Candidate, FeedRequest, Reason, Vector

LEAST_LIKENESS = 0.2
"""Below it no single product of the history led to a candidate: the shopper's taste as a whole did."""

WORDS = {
    Kind.VIEW: ("because_you_viewed", "Because you looked at {name}"),
    Kind.CLICK: ("because_you_viewed", "Because you looked at {name}"),
    Kind.CART_ADD: ("because_you_carted", "Because you put {name} into your basket"),
    Kind.PURCHASE: ("because_you_bought", "Because you bought {name}"),
    Kind.RATING: ("because_you_liked", "Because you liked {name}"),
    Kind.LIKE: ("because_you_liked", "Because you liked {name}"),
}
PERSONAL = ("nearest", "similar_to_recent")

Names = Callable[[Sequence[int]], dict[int, str]]
Vectors = Callable[[Sequence[int]], dict[int, Vector]]


class Explainer:
    """Names and vectors of the shopper's recent products are asked for once per feed."""

    def __init__(self, *, names: Names, vectors: Vectors) -> None:
        self._names = names
        self._vectors = vectors

    def __call__(self, candidates: Sequence[Candidate], request: FeedRequest) -> list[Reason]:
        mentioned = [recent.product_id for recent in request.recent]
        mentioned += [seed for seed in request.seeds if seed not in mentioned]
        names = self._names(mentioned) if mentioned else {}
        vectors = self._vectors(mentioned) if mentioned and request.personal else {}
        return [self._reason(one, request, names, vectors) for one in candidates]

    def _reason(
        self, one: Candidate, request: FeedRequest, names: dict[int, str], vectors: dict[int, Vector]
    ) -> Reason:
        for explain in (_by_subject, _by_history):
            reason = explain(one, request, names, vectors)
            if reason:
                return reason
        category = one.facts.category if one.facts else ""
        if "matches" in one.proposals:
            return Reason("matches_search", "Matches what you searched for")
        if "popular_in_category" in one.proposals and category:
            return Reason("popular_in_category", f"Popular in {category}")
        if request.personal and any(source in one.proposals for source in PERSONAL):
            return Reason("your_taste", "Suits what you have chosen so far")
        if "new" in one.proposals and "trending" not in one.proposals:
            return Reason("new", "New in the shop")
        return Reason("trending", "Popular right now")


def _by_subject(
    one: Candidate, request: FeedRequest, names: dict[int, str], vectors: dict[int, Vector]
) -> Reason | None:
    """What the feed's product or the cart has to do with it."""
    for source, code, text in (
        ("bought_together", "goes_with", "Often bought together with {name}"),
        ("similar", "similar_to", "Similar to {name}"),
    ):
        proposal = one.proposals.get(source)
        if proposal and proposal.because in names:
            return Reason(code, text.format(name=names[proposal.because]), proposal.because)
    return None


def _by_history(
    one: Candidate, request: FeedRequest, names: dict[int, str], vectors: dict[int, Vector]
) -> Reason | None:
    """The recent product that is most like the candidate in the model's space; of equals the newer one."""
    if not any(source in one.proposals for source in PERSONAL):
        return None
    if one.facts is None or one.facts.vector is None:
        return None
    best: tuple[float, Reason] | None = None
    for recent in request.recent:
        vector = vectors.get(recent.product_id)
        if vector is None or recent.product_id not in names or recent.kind not in WORDS:
            continue
        likeness = float(np.dot(vector, one.facts.vector))
        if likeness >= LEAST_LIKENESS and (best is None or likeness > best[0]):
            code, text = WORDS[recent.kind]
            best = likeness, Reason(code, text.format(name=names[recent.product_id]), recent.product_id)
    return best[1] if best else None
