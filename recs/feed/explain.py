"""Reasons, read off the numbers that ranked: they cannot disagree with the ranking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recs.engine.interactions import Kind
from recs.feed.candidates import Candidate, Facts, FeedRequest, Reason

LEAST_LIKENESS = 0.2
"""Below it no single product of the history led to a candidate: the shopper's taste as a whole did."""

BY_KIND = {
    Kind.VIEW: ("because_you_viewed", "Because you looked at {name}"),
    Kind.CLICK: ("because_you_viewed", "Because you looked at {name}"),
    Kind.CART_ADD: ("because_you_carted", "Because you put {name} into your basket"),
    Kind.PURCHASE: ("because_you_bought", "Because you bought {name}"),
    Kind.RATING: ("because_you_liked", "Because you rated {name}"),
    Kind.LIKE: ("because_you_liked", "Because you liked {name}"),
}
BY_SUBJECT = {
    "bought_together": ("goes_with", "Often bought together with {name}"),
    "similar": ("similar_to", "Similar to {name}"),
}
BY_TASTE = ("nearest", "similar_to_recent", "alike_in_words", "newcomers", "given")
"""Sources whose candidates are there, or in their place, for the shopper's history."""

CODES = tuple(
    dict.fromkeys(
        [
            *(code for code, _ in BY_KIND.values()),
            *(code for code, _ in BY_SUBJECT.values()),
            "matches_search",
            "popular_in_category",
            "your_taste",
            "new",
            "trending",
        ]
    )
)
"""Every reason there is."""


def explain(candidates: Sequence[Candidate], request: FeedRequest, facts: dict[int, Facts]) -> list[Reason]:
    """One reason a candidate; ``facts`` also of what the request mentions."""
    return [_reason(one, request, facts) for one in candidates]


def _reason(one: Candidate, request: FeedRequest, facts: dict[int, Facts]) -> Reason:
    """The nearest cause first: what the feed is about, what the shopper did, then what everybody does."""
    reason = _by_subject(one, facts) or _by_history(one, request, facts)
    if reason:
        return reason
    category = one.facts.category if one.facts else ""
    if "matches" in one.proposals:
        return Reason("matches_search", "Matches what you searched for")
    if "popular_in_category" in one.proposals and category:
        return Reason("popular_in_category", f"Popular in {category}")
    if request.personal and any(source in one.proposals for source in BY_TASTE):
        return Reason("your_taste", "Suits what you have chosen so far")
    if "new" in one.proposals and "trending" not in one.proposals:
        return Reason("new", "New in the shop")
    return Reason("trending", "Popular right now")


def _by_subject(one: Candidate, facts: dict[int, Facts]) -> Reason | None:
    """What the feed's product or the cart has to do with it."""
    for source, (code, text) in BY_SUBJECT.items():
        proposal = one.proposals.get(source)
        about = facts.get(proposal.because) if proposal and proposal.because is not None else None
        if proposal and about and about.visible:
            return Reason(code, text.format(name=about.name), proposal.because)
    return None


def _by_history(one: Candidate, request: FeedRequest, facts: dict[int, Facts]) -> Reason | None:
    """The recent product that is most like the candidate in the model's space; of equals the newer one.

    A newcomer's place is owed to its name, and so is its reason.
    """
    if not request.personal or not any(source in one.proposals for source in BY_TASTE):
        return None
    named = one.proposals.get("newcomers")
    best: tuple[float, Reason] | None = None
    for recent in request.recent:
        about = facts.get(recent.product_id)
        if about is None or not about.visible or recent.kind not in BY_KIND:
            continue
        if recent.product_id == one.product_id:
            continue
        likeness = 1.0 if named and named.because == recent.product_id else _likeness(about, one.facts)
        if likeness >= LEAST_LIKENESS and (best is None or likeness > best[0]):
            code, text = BY_KIND[recent.kind]
            best = likeness, Reason(code, text.format(name=about.name), recent.product_id)
    return best[1] if best else None


def _likeness(one: Facts, other: Facts | None) -> float:
    """In the model's space; -1 where one of them has no place in it."""
    if other is None or one.vector is None or other.vector is None:
        return -1.0
    return float(np.dot(one.vector, other.vector))
