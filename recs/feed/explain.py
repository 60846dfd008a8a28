"""Reasons, read off the numbers that ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from operator import ne

import numpy as np

from recs.engine.interactions import Kind
from recs.feed.candidates import Candidate, Contributions, Facts, FeedRequest, Proposal, Reason
from recs.feed.scorers import BY_LIKENESS

LEAST_OWED = 0.001
"""Summand below which a score owes nothing to a product: as much as rounding to halves can change one."""

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
BY_TASTE = ("recommended", "nearest", "similar_to_recent", "alike_in_words", "newcomers", "given")
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
            "given",
            "trending",
        ]
    )
)
"""Every reason there is."""


NOTHING_KNOWN = Contributions((), np.zeros((0, 0), dtype=np.float32))


def explain(
    candidates: Sequence[Candidate],
    request: FeedRequest,
    facts: dict[int, Facts],
    contributions: Contributions = NOTHING_KNOWN,
) -> list[Reason]:
    """One reason a candidate; ``facts`` also of what the request mentions."""
    reasons = []
    left_out = without_each(request)
    for place, one in enumerate(candidates):
        added = contributions.to(place) if contributions.product_ids else {}
        owed = score_owed(one, added, request, left_out) if request.personal else {}
        reasons.append(replace(_reason(one, request, facts, added, owed), owed=owed))
    return reasons


def _reason(
    one: Candidate,
    request: FeedRequest,
    facts: dict[int, Facts],
    added: dict[int, float],
    owed: dict[int, float],
) -> Reason:
    """The nearest cause first: what the feed is about, what the shopper did, then what everybody does."""
    reason = _by_subject(one, facts) or _by_history(one, request, facts, added, owed)
    if reason:
        return reason
    category = one.facts.category if one.facts else ""
    if "matches" in one.proposals:
        return Reason("matches_search", "Matches what you searched for")
    if "popular_in_category" in one.proposals and category:
        return Reason("popular_in_category", f"Popular in {category}")
    if request.personal and _suits(one):
        return Reason("your_taste", "Suits what you have chosen so far")
    if "new" in one.proposals and "trending" not in one.proposals:
        return Reason("new", "New in the shop")
    if "given" in one.proposals:
        return Reason("given", "From the list that you gave")
    return Reason("trending", "Popular right now")


def _by_subject(one: Candidate, facts: dict[int, Facts]) -> Reason | None:
    """What the feed's product or the cart has to do with it."""
    for source, (code, text) in BY_SUBJECT.items():
        proposal = one.proposals.get(source)
        about = facts.get(proposal.because) if proposal and proposal.because is not None else None
        if proposal and about and about.visible:
            return Reason(code, text.format(name=about.name), proposal.because)
    return None


def _by_history(
    one: Candidate,
    request: FeedRequest,
    facts: dict[int, Facts],
    added: dict[int, float],
    owed: dict[int, float],
) -> Reason | None:
    """The product of the history that the score owes most to, of those that may be named; of equals the newer.

    Of products that are alike each can stand in for another, so that the score owes nothing to any alone; then it is
    the one that a likeness in the score was measured to, unless the model takes away more for it.
    """
    if not request.personal or not any(source in one.proposals for source in BY_TASTE):
        return None
    done = {what.product_id: what for what in (*request.recent, *request.causes)}
    causes = [cause for cause, value in owed.items() if value >= LEAST_OWED]
    whole: dict[int, float] = {}
    for name, _, sources in BY_LIKENESS:
        found = _first(one, sources)
        if found is not None and found.because is not None:
            sofar = whole.get(found.because, added.get(found.because, 0.0))
            whole[found.because] = sofar + one.parts.get(name, found.score)
    causes += [
        cause for cause in sorted(whole, key=lambda cause: -whole[cause]) if whole[cause] >= LEAST_OWED
    ]
    for product_id in causes:
        about, what = facts.get(product_id), done.get(product_id)
        if about is None or not about.visible or what is None or what.kind not in BY_KIND:
            continue
        if product_id != one.product_id:
            code, text = BY_KIND[what.kind]
            return Reason(code, text.format(name=about.name), product_id)
    return None


def without_each(request: FeedRequest) -> dict[int, FeedRequest]:
    """By each of the recent products, newest first: what is asked without it."""
    return {
        gone.product_id: replace(
            request, recent=tuple(one for one in request.recent if one.product_id != gone.product_id)
        )
        for gone in request.recent
    }


def score_owed(
    one: Candidate,
    added: Mapping[int, float],
    request: FeedRequest,
    left_out: Mapping[int, FeedRequest],
) -> dict[int, float]:
    """By product of the history, largest first, of equals the newer: what it adds to the model's summand, and to those
    that measure likeness, each with it minus without it.

    Without it, likeness is to the next best product of the history, and older ones move up by a place, so that they
    weigh more. That a source would look at one still older, or count one agreement less, is left out of account. Where
    no scorer weighs a proposal's likeness, the source's own order follows it. ``left_out``: of ``without_each``.
    """
    owed = dict(added)
    for name, scorer, sources in BY_LIKENESS:
        proposal = _first(one, sources)
        if proposal is None or proposal.because is None:
            continue
        if name not in one.parts:
            other = _first(one.without(proposal.because), sources)
            gained = proposal.score - (other.score if other else 0.0)
            owed[proposal.because] = owed.get(proposal.because, 0.0) + gained
            continue
        # What is older than that weighs the same without it.
        newer = takewhile(partial(ne, proposal.because), left_out)
        for product_id in (*newer, proposal.because):
            without = scorer([one.without(product_id)], left_out.get(product_id, request))
            owed[product_id] = owed.get(product_id, 0.0) + one.parts[name] - float(without[0])
    return dict(sorted(owed.items(), key=lambda pair: -pair[1]))


def _first(one: Candidate, sources: Sequence[str]) -> Proposal | None:
    return next((one.proposals[source] for source in sources if source in one.proposals), None)


def _suits(one: Candidate) -> bool:
    """Whether it is there for the shopper's history: a list that was given holds also what does not suit."""
    if "given" in one.proposals:
        return max(one.parts.get(name, 0.0) for name in ("shopper_affinity", "model_affinity")) > 0
    return any(source in one.proposals for source in BY_TASTE)
