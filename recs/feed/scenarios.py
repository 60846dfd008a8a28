"""The feeds of the shop: which sources, filters, scorers and order each is made of. A table of contents.

``serve_feed`` is PATH 2 from end to end: request → pipeline → response with reasons → logged as served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from accounts.models import Shopper
from catalog.models import Product
from recs import registry
from recs.feed import candidates as stage
from recs.feed import filters, rerankers, scorers, sources
from recs.feed.candidates import FeedRequest, Trace
from recs.feed.explain import explain
from recs.feed.hydrators import product_facts
from recs.feed.pipeline import CandidatePipeline, Scorer
from recs.feed.request import ask
from recs.feed.response import Feed, FeedItem, feed_items
from recs.feed.side_effects import log_served
from recs.registry import ActiveVersion

SCENARIOS = ("home", "similar", "bought_together", "cart", "trending", "new", "search")
ABOUT_A_PRODUCT = frozenset({"similar", "bought_together"})

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
                    sources.recommended(),
                    # Beside it, for what came since it learnt has a place among the vectors alone.
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
                    _affinity(request),
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
                    _affinity(request),
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
    shown = frozenset(item.product.pk for feed in beside for item in feed.items)
    asked = ask(scenario, shopper, product, query, count, include_bought, version, shown)
    pipeline = replace(pipeline_for(scenario, asked.request, version), contribute=asked.contribute)
    result = pipeline.run(asked.request)
    items = feed_items(result)
    served = None
    if log and items:
        served = log_served(
            items=items,
            shopper=shopper,
            scenario=scenario,
            product=product,
            version=version,
            seq=asked.seq,
        )
    return Feed(
        recommendation=served,
        scenario=scenario,
        model_version=version.name if version else None,
        seq=asked.seq,
        items=items,
        trace=Trace((asked.stage, *result.trace.stages)),
    )


def rerank_products(*, shopper: Shopper | None, products: Sequence[Product]) -> list[FeedItem]:
    """The same products in the shopper's order, none lost: what one cannot buy or hid comes along too."""
    version = registry.active_version()
    asked = ask("rerank", shopper, None, "", len(products), True, version)
    given = sources.Source(
        "given",
        lambda _: [
            stage.Proposal(product.pk, float(len(products) - place)) for place, product in enumerate(products)
        ],
    )
    pipeline = replace(
        pipeline_for("rerank", asked.request, version), sources=(given,), contribute=asked.contribute
    )
    return list(feed_items(pipeline.run(asked.request)))


def _affinity(request: FeedRequest) -> Scorer:
    """The model's own score: of the recommender that ranks, or of the vectors."""
    return scorers.model_affinity if request.scores else scorers.shopper_affinity


def _led_by(*names: str) -> tuple[Scorer, ...]:
    """Scores of a feed whose first source leads; the shopper's taste decides between neighbours."""
    return (scorers.first_source_first(*names), _a_little(scorers.shopper_affinity), scorers.agreement)


def _a_little(scorer: Scorer) -> Scorer:
    """A scorer whose part only decides between candidates that are close."""

    def scored(found: Sequence[stage.Candidate], request: FeedRequest) -> stage.Vector:
        return A_LITTLE * scorer(found, request)

    scored.__name__ = getattr(scorer, "__name__", "scorer")
    return scored
