"""The feeds of the shop: which sources, filters, scorers and order each is made of. A table of contents.

``serve_feed`` is PATH 2 from end to end: request → pipeline → response with reasons → logged as served.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from accounts.models import Shopper
from catalog.models import Product
from recs import registry
from recs.feed import candidates as stage
from recs.feed import filters, rerankers, scorers, sources
from recs.feed.candidates import FeedRequest, Stage, Trace
from recs.feed.explain import explain
from recs.feed.hydrators import product_facts, shopper_facts
from recs.feed.pipeline import CandidatePipeline, Scorer
from recs.feed.response import Feed, FeedItem, feed_items
from recs.feed.side_effects import log_served
from recs.history import recent_products
from recs.registry import ActiveVersion
from recs.shopper_vectors import fresh_vector

logger = logging.getLogger(__name__)

SCENARIOS = ("home", "similar", "bought_together", "cart", "trending", "new", "search")
ABOUT_A_PRODUCT = frozenset({"similar", "bought_together"})
FOR_EVERYBODY = frozenset({"trending", "new"})
"""The shopper's vector takes no part in these."""
FROM_HISTORY = frozenset({"home", "rerank"})
"""What the shopper did last takes part in these; the others are about a product, the cart or a query."""
RECENT = 12
"""Recent products that a feed looks at: those that sources start from and reasons speak of."""

A_LITTLE = 0.2
"""Weight of a scorer that only decides between candidates that are close."""


def pipeline_for(scenario: str, request: FeedRequest, version: ActiveVersion | None) -> CandidatePipeline:
    """The stages of one scenario for one request."""
    everybody = CandidatePipeline(
        sources=(sources.trending(), sources.new()),
        hydrate=lambda product_ids: product_facts(product_ids, version),
        filters=(
            filters.purchasable,
            filters.not_hidden,
            filters.not_bought,
            filters.not_the_subject,
            filters.not_in_cart,
            filters.not_elsewhere,
            filters.first_of_a_name,
        ),
        scorers=(scorers.best_place,),
        rerank=rerankers.diverse,
        explain=explain,
    )
    match scenario:
        case "home" if request.personal and request.vector is None:
            # No model yet, or none that can place this shopper: what they did still leads somewhere.
            return replace(
                everybody,
                sources=(
                    sources.similar_to_recent(version),
                    sources.alike_in_words(),
                    sources.bought_with_recent(),
                    sources.popular_in_category(),
                    sources.trending(),
                    sources.new(),
                ),
                scorers=(
                    *_led_by(
                        "similar_to_recent", "bought_together", "popular_in_category", "trending", "new"
                    ),
                    scorers.word_affinity,
                ),
            )
        case "home" if request.personal:
            return replace(
                everybody,
                sources=(
                    sources.nearest(version),
                    sources.similar_to_recent(version),
                    sources.alike_in_words(),
                    sources.newcomers(version),
                    sources.popular_in_category(),
                    sources.trending(),
                    sources.new(),
                ),
                rerank=rerankers.diverse_with_newcomers,
                scorers=(
                    scorers.shopper_affinity,
                    scorers.recent_affinity,
                    scorers.word_affinity,
                    scorers.newcomer,
                    scorers.popularity,
                    scorers.agreement,
                ),
            )
        case "similar":
            return replace(
                everybody,
                sources=(sources.similar(version), sources.popular_in_category()),
                scorers=_led_by("similar", "popular_in_category"),
                rerank=rerankers.best_first,
            )
        case "bought_together":
            return replace(
                everybody,
                sources=(sources.bought_together(), sources.similar(version), sources.popular_in_category()),
                scorers=_led_by("bought_together", "similar", "popular_in_category"),
                rerank=rerankers.best_first,
            )
        case "cart":
            return replace(
                everybody,
                sources=(sources.bought_together(), sources.similar(version), sources.trending()),
                scorers=_led_by("bought_together", "similar", "trending"),
            )
        case "trending":
            return replace(everybody, sources=(sources.trending(),), rerank=rerankers.best_first)
        case "new":
            return replace(everybody, sources=(sources.new(),), rerank=rerankers.best_first)
        case "search":
            return replace(
                everybody,
                sources=(sources.matches(),),
                # Who searches may look for what they bought, or have in the basket.
                filters=(filters.purchasable, filters.not_hidden, filters.first_of_a_name),
                scorers=(scorers.best_place, _a_little(scorers.shopper_affinity)),
                rerank=rerankers.best_first,
            )
        case "rerank":
            return replace(
                everybody,
                filters=(),
                scorers=(
                    scorers.shopper_affinity,
                    scorers.popularity,
                    _a_little(scorers.best_place),
                ),
                rerank=rerankers.best_first,
            )
    return everybody


def serve_feed(
    *,
    scenario: str,
    shopper: Shopper | None,
    product: Product | None = None,
    query: str = "",
    count: int = 24,
    include_bought: bool = False,
    beside: Sequence[Feed] = (),
    log: bool = True,
) -> Feed:
    """One feed, with reasons. Raises ValueError for an unknown scenario or one that lacks its product.

    ``beside``: the feeds on the same page whose products this one leaves out. An empty feed, which no page
    shows, is not logged.

    The active version is read once and used throughout, so no feed mixes two spaces.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"unknown scenario {scenario!r}, expected one of {', '.join(SCENARIOS)}")
    if scenario in ABOUT_A_PRODUCT and product is None:
        raise ValueError(f"the scenario {scenario} is about a product")
    version = registry.active_version()
    request, seq, first = _request(scenario, shopper, product, query, count, include_bought, version)
    shown = frozenset(item.product.pk for feed in beside for item in feed.items)
    request = replace(request, elsewhere=shown)
    result = pipeline_for(scenario, request, version).run(request)
    items = feed_items(result)
    served = None
    if log and items:
        served = log_served(
            items=items,
            shopper=shopper,
            scenario=scenario,
            product=product,
            version=version,
            seq=seq,
        )
    return Feed(
        recommendation=served,
        scenario=scenario,
        model_version=version.name if version else None,
        seq=seq,
        items=items,
        trace=Trace((first, *result.trace.stages)),
    )


def rerank_products(*, shopper: Shopper | None, products: Sequence[Product]) -> list[FeedItem]:
    """The same products in the shopper's order, none lost: what one cannot buy or hid comes along too."""
    version = registry.active_version()
    request, _, _ = _request("rerank", shopper, None, "", len(products), True, version)
    given = sources.Source(
        "given",
        lambda _: [
            stage.Proposal(product.pk, float(len(products) - place)) for place, product in enumerate(products)
        ],
    )
    result = replace(pipeline_for("rerank", request, version), sources=(given,)).run(request)
    return list(feed_items(result))


def _request(
    scenario: str,
    shopper: Shopper | None,
    product: Product | None,
    query: str,
    count: int,
    include_bought: bool,
    version: ActiveVersion | None,
) -> tuple[FeedRequest, int, Stage]:
    """All that the stages need to know, the sequence number that it is as of, and the first stage.

    The number is read first, in one statement with what the filters go by: all that is read later, the
    vector included, is at least as new.
    """
    began = time.perf_counter()
    facts = shopper_facts(shopper)
    vector, recent, error = None, [], ""
    if shopper is not None and facts.seq > 0 and facts.wants_personal:
        if scenario in FROM_HISTORY:
            # What was looked at and then hidden leads to nothing and is not spoken of.
            recent = [
                stage.Recent(one.product_id, one.kind, one.occurred_at)
                for one in recent_products(shopper_id=shopper.pk, limit=RECENT)
                if one.product_id not in facts.hidden
            ]
        if version is not None and scenario not in FOR_EVERYBODY:
            try:
                vector = fresh_vector(shopper=shopper, version=version).vector
            except Exception as failure:
                logger.exception("the shopper could not be encoded; the feed goes on without their vector")
                error = f"{type(failure).__name__}: {failure}"
    request = FeedRequest(
        scenario=scenario,
        count=count,
        personal=bool(recent),
        vector=vector,
        recent=tuple(recent),
        bought=facts.bought,
        hidden=facts.hidden,
        in_cart=facts.in_cart,
        product_id=product.pk if product else None,
        query=query,
        include_bought=include_bought,
    )
    spent = 1000 * (time.perf_counter() - began)
    return request, facts.seq, Stage("shopper", "history", spent, 0, len(recent), error=error)


def _led_by(*names: str) -> tuple[Scorer, ...]:
    """Scores of a feed whose first source leads; the shopper's taste decides between neighbours."""
    return (scorers.first_source_first(*names), _a_little(scorers.shopper_affinity), scorers.agreement)


def _a_little(scorer: Scorer) -> Scorer:
    """A scorer whose part only decides between candidates that are close."""

    def scored(found: Sequence[stage.Candidate], request: FeedRequest) -> stage.Vector:
        return A_LITTLE * scorer(found, request)

    scored.__name__ = getattr(scorer, "__name__", "scorer")
    return scored
