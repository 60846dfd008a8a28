"""What a feed answers: products with the reason for each, as the API, the pages and the admin show them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from catalog.models import Product
from recs.feed.candidates import Trace
from recs.feed.pipeline import Result


@dataclass(frozen=True, slots=True)
class FeedReason:
    """``product``: the one that the text speaks of, if any."""

    code: str
    text: str
    product: Product | None


@dataclass(frozen=True, slots=True)
class FeedItem:
    """``features``: the summands of ``score``, by the scorer's name. ``contributions``: what each product of the
    history, by primary key, adds to the model's summand; ``owed``: to that and to likenesses.
    """

    product: Product
    score: float
    sources: tuple[str, ...]
    reason: FeedReason
    features: dict[str, float]
    contributions: Mapping[int, float]
    owed: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Feed:
    """``seq``: the newest sequence number of the shopper that this feed has taken into account.

    ``recommendation`` is None for a feed that was not logged, ``model_version`` before the first model.
    """

    recommendation: uuid.UUID | None
    scenario: str
    model_version: str | None
    seq: int
    items: tuple[FeedItem, ...]
    trace: Trace


def feed_items(result: Result) -> tuple[FeedItem, ...]:
    """The products of the page and those that reasons speak of, by one query.

    A product that went since it was ranked is left out.
    """
    keys = {one.candidate.product_id for one in result.ranked}
    keys |= {one.reason.product_id for one in result.ranked if one.reason.product_id is not None}
    products = Product.objects.select_related("category").in_bulk(keys)
    items = []
    for one in result.ranked:
        product = products.get(one.candidate.product_id)
        if product is None:
            continue
        about = products.get(one.reason.product_id) if one.reason.product_id is not None else None
        items.append(
            FeedItem(
                product=product,
                score=round(one.candidate.score, 5),
                sources=one.candidate.sources,
                reason=FeedReason(one.reason.code, one.reason.text, about),
                features=one.candidate.parts,
                contributions=one.contributions,
                owed=one.reason.owed,
            )
        )
    return tuple(items)
