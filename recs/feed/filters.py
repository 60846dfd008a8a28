"""Eligibility, not ranking: pure functions that keep or remove, and say why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recs.feed.candidates import Candidate, FeedRequest, Filtered


def purchasable(candidates: Sequence[Candidate], request: FeedRequest) -> Filtered:
    """Visible and in stock, as of this moment."""
    return _keep(
        candidates, lambda one: one.facts is not None and one.facts.available, "cannot be bought now"
    )


def not_bought(candidates: Sequence[Candidate], request: FeedRequest) -> Filtered:
    """Unless the request asks for what was bought already."""
    bought = frozenset() if request.include_bought else request.bought
    return _keep(candidates, lambda one: one.product_id not in bought, "bought already")


def not_hidden(candidates: Sequence[Candidate], request: FeedRequest) -> Filtered:
    return _keep(
        candidates, lambda one: one.product_id not in request.hidden, "hidden or rated poorly by the shopper"
    )


def not_the_subject(candidates: Sequence[Candidate], request: FeedRequest) -> Filtered:
    """Not the product that the feed is about, nor what is in the cart that it is about."""
    return _keep(candidates, lambda one: one.product_id not in request.seeds, "the feed is about it")


def not_in_cart(candidates: Sequence[Candidate], request: FeedRequest) -> Filtered:
    return _keep(candidates, lambda one: one.product_id not in request.in_cart, "in the basket already")


def not_elsewhere(candidates: Sequence[Candidate], request: FeedRequest) -> Filtered:
    """Not what another feed of the same page shows."""
    return _keep(
        candidates, lambda one: one.product_id not in request.elsewhere, "shown elsewhere on the page"
    )


def first_of_a_name(candidates: Sequence[Candidate], request: FeedRequest) -> Filtered:
    """Products of one name look like the same one twice: the first proposed stays."""
    seen: set[str] = set()
    kept: list[Candidate] = []
    removed: dict[int, str] = {}
    for one in candidates:
        name = one.facts.name.casefold() if one.facts else ""
        if name in seen:
            removed[one.product_id] = "same name as another candidate"
        else:
            seen.add(name)
            kept.append(one)
    return Filtered(kept, removed)


def _keep(candidates: Sequence[Candidate], good: Callable[[Candidate], bool], why: str) -> Filtered:
    kept = [one for one in candidates if good(one)]
    return Filtered(kept, {one.product_id: why for one in candidates if not good(one)})
