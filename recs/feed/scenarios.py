"""The feeds of the shop: which sources, filters, scorers and order each is made of. A table of contents.

``serve_feed`` is PATH 2 from end to end: request → pipeline → response with reasons → logged as served.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from accounts.models import Shopper
from accounts.privacy import consents_of
from catalog.models import Product
from recs import product_vectors, registry
from recs.feed import candidates as stage
from recs.feed import filters, rerankers, scorers, sources
from recs.feed.candidates import FeedRequest, Ranked, Stage, Trace
from recs.feed.explain import Explainer
from recs.feed.hydrators import product_facts, shopper_facts
from recs.feed.pipeline import CandidatePipeline, Result, Scorer, Source
from recs.feed.side_effects import log_served
from recs.history import recent_products
from recs.registry import ActiveVersion
from recs.shopper_vectors import EncodedShopper, fresh_vector

logger = logging.getLogger(__name__)

SCENARIOS = ("home", "similar", "bought_together", "cart", "trending", "new", "search")
ABOUT_A_PRODUCT = frozenset({"similar", "bought_together"})
RECENT = 12
"""Recent products that a feed looks at: those that sources start from and reasons speak of."""

A_LITTLE = 0.2
"""Weight of a scorer that only decides between candidates that are close."""
ELIGIBLE = (filters.purchasable, filters.not_hidden, filters.not_the_subject, filters.first_of_a_name)
UNSEEN = (filters.purchasable, filters.not_bought, filters.not_hidden, filters.first_of_a_name)


@dataclass(frozen=True, slots=True)
class FeedReason:
    """``product``: the one that the text speaks of, if any."""

    code: str
    text: str
    product: Product | None


@dataclass(frozen=True, slots=True)
class FeedItem:
    product: Product
    score: float
    sources: tuple[str, ...]
    reason: FeedReason
    features: dict[str, float]


@dataclass(frozen=True, slots=True)
class Feed:
    """``seq``: the newest sequence number of the shopper that this feed has taken into account."""

    recommendation: uuid.UUID | None
    scenario: str
    model_version: str | None
    seq: int
    items: tuple[FeedItem, ...]
    trace: Trace


def pipeline_for(scenario: str, request: FeedRequest, version: ActiveVersion | None) -> CandidatePipeline:
    """The stages of one scenario for one request."""
    home = CandidatePipeline(
        sources=(
            sources.nearest(version),
            sources.similar_to_recent(version),
            sources.popular_in_category(),
            sources.trending(),
            sources.new(),
        ),
        hydrate=lambda product_ids: product_facts(product_ids, version),
        filters=(*UNSEEN, filters.not_in_cart),
        scorers=(scorers.shopper_affinity, scorers.recent_affinity, scorers.popularity, scorers.agreement),
        rerank=rerankers.diverse,
        explain=Explainer(
            names=_names,
            vectors=lambda product_ids: _vectors(product_ids, version),
        ),
    )
    by_source = (scorers.source_rank,)
    about: tuple[Source, ...]
    if scenario == "home" and request.personal:
        return home
    if scenario == "home":
        return replace(home, sources=(sources.trending(), sources.new()), scorers=by_source)
    if scenario == "similar":
        about = (sources.similar(version), sources.popular_in_category())
        return replace(home, sources=about, filters=ELIGIBLE, scorers=SUBJECT_FIRST)
    if scenario == "bought_together":
        about = (sources.bought_together(), sources.similar(version))
        return replace(home, sources=about, filters=ELIGIBLE, scorers=SUBJECT_FIRST)
    if scenario == "cart":
        about = (sources.bought_together(), sources.similar(version), sources.trending())
        return replace(home, sources=about, filters=(*UNSEEN, filters.not_in_cart), scorers=SUBJECT_FIRST)
    if scenario == "search":
        personal = (scorers.source_rank, _a_little(scorers.shopper_affinity))
        return replace(
            home,
            sources=(sources.matches(),),
            filters=ELIGIBLE,
            scorers=personal,
            rerank=rerankers.best_first,
        )
    only = sources.trending() if scenario == "trending" else sources.new()
    return replace(home, sources=(only,), filters=UNSEEN, scorers=by_source, rerank=rerankers.best_first)


def serve_feed(
    *,
    scenario: str,
    shopper: Shopper | None,
    product: Product | None = None,
    query: str = "",
    count: int = 24,
    include_bought: bool = False,
    log: bool = True,
) -> Feed:
    """One feed, with reasons. Raises ValueError for an unknown scenario or one that lacks its product.

    The active version is read once and used throughout, so no feed mixes two spaces.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"unknown scenario {scenario!r}, expected one of {', '.join(SCENARIOS)}")
    if scenario in ABOUT_A_PRODUCT and product is None:
        raise ValueError(f"the scenario {scenario} is about a product")
    version = registry.active_version()
    request, seq, notes = _request(scenario, shopper, product, query, count, include_bought, version)
    result = pipeline_for(scenario, request, version).run(request)
    products = _products(result)
    served = None
    if log:
        served = log_served(
            ranked=result.ranked,
            codes={key: found.code for key, found in products.items()},
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
        items=tuple(_item(one, products) for one in result.ranked),
        trace=Trace((*notes, *result.trace.stages)),
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
    ranking = (scorers.shopper_affinity, scorers.popularity, _a_little(scorers.source_rank))
    pipeline = replace(
        pipeline_for("home", request, version),
        sources=(given,),
        filters=(),
        scorers=ranking,
        rerank=rerankers.best_first,
    )
    result = pipeline.run(request)
    known = _products(result)
    return [_item(one, known) for one in result.ranked]


def _request(
    scenario: str,
    shopper: Shopper | None,
    product: Product | None,
    query: str,
    count: int,
    include_bought: bool,
    version: ActiveVersion | None,
) -> tuple[FeedRequest, int, list[Stage]]:
    """All that the stages need to know, the sequence number that it is as of, and what failed on the way."""
    notes: list[Stage] = []
    wanted = shopper is not None and shopper.last_seq > 0 and consents_of(shopper)["personalisation"]
    encoded = EncodedShopper(None, shopper.last_seq if shopper else 0)
    if shopper is not None and wanted and version is not None:
        try:
            encoded = fresh_vector(shopper=shopper, version=version)
        except Exception as failure:
            logger.exception("the shopper could not be encoded; the feed goes on without their vector")
            notes.append(Stage("encode", "shopper", 0.0, 0, 0, error=f"{type(failure).__name__}: {failure}"))
    facts = shopper_facts(shopper)
    recent = recent_products(shopper_id=shopper.pk, limit=RECENT) if shopper is not None and wanted else []
    request = FeedRequest(
        scenario=scenario,
        count=count,
        personal=bool(recent),
        vector=encoded.vector,
        recent=tuple(stage.Recent(one.product_id, one.kind, one.occurred_at) for one in recent),
        bought=facts.bought,
        hidden=facts.hidden,
        in_cart=facts.in_cart,
        product_id=product.pk if product else None,
        query=query,
        include_bought=include_bought,
    )
    # Filters and sources read rows that are at least as new as those that the vector was encoded from.
    seq = max(encoded.seq, shopper.last_seq if shopper else 0)
    return request, seq, notes


def _a_little(scorer: Scorer) -> Scorer:
    """A scorer whose part only decides between candidates that are close."""

    def scored(found: Sequence[stage.Candidate], request: FeedRequest) -> stage.Vector:
        return A_LITTLE * scorer(found, request)

    scored.__name__ = getattr(scorer, "__name__", "scorer")
    return scored


SUBJECT_FIRST = (scorers.source_rank, _a_little(scorers.shopper_affinity), scorers.agreement)


def _products(result: Result) -> dict[int, Product]:
    """Products on the page and those that reasons speak of, by one query."""
    keys = {one.candidate.product_id for one in result.ranked}
    keys |= {one.reason.product_id for one in result.ranked if one.reason.product_id is not None}
    return Product.objects.select_related("category").in_bulk(keys)


def _item(one: Ranked, products: dict[int, Product]) -> FeedItem:
    about = products.get(one.reason.product_id) if one.reason.product_id is not None else None
    return FeedItem(
        product=products[one.candidate.product_id],
        score=round(one.candidate.score, 5),
        sources=one.candidate.sources,
        reason=FeedReason(one.reason.code, one.reason.text, about),
        features=one.candidate.parts,
    )


def _names(product_ids: Sequence[int]) -> dict[int, str]:
    return dict(Product.objects.filter(pk__in=product_ids).values_list("pk", "name"))


def _vectors(product_ids: Sequence[int], version: ActiveVersion | None) -> dict[int, stage.Vector]:
    return product_vectors.vectors(version=version, product_ids=product_ids) if version else {}
