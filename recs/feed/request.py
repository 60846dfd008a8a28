"""What a feed is asked: all that its stages need to know of the shopper, the product and the basket."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from accounts.models import Shopper
from catalog.models import Product
from recs.engine.interactions import Kind, wanted
from recs.feed.candidates import FeedRequest, Recent, Stage
from recs.feed.contributions import by_asking_again, by_leaving_out
from recs.feed.hydrators import shopper_facts
from recs.feed.pipeline import Contributor
from recs.history import VectorHistory, recent_products
from recs.registry import ActiveVersion
from recs.served_scores import served_scores
from recs.shopper_vectors import fresh_history, fresh_vector, without_each_product

logger = logging.getLogger(__name__)

FOR_EVERYBODY = frozenset({"trending", "new"})
"""The shopper's vector takes no part in these."""
FROM_HISTORY = frozenset({"home", "rerank"})
"""What the shopper did last takes part in these; the others are about a product, the cart or a query."""
RECENT = 12
"""Recent products that a feed looks at: those that sources start from."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the stages need to know, the sequence number that it is as of, and the first stage."""

    request: FeedRequest
    seq: int
    stage: Stage
    contribute: Contributor | None


def ask(
    scenario: str,
    shopper: Shopper | None,
    product: Product | None,
    query: str,
    count: int,
    include_bought: bool,
    version: ActiveVersion | None,
    elsewhere: frozenset[int] = frozenset(),
) -> Asked:
    """The number is read first, in one statement with what the filters go by: all that is read later, the vector
    included, is at least as new.
    """
    began = time.perf_counter()
    facts = shopper_facts(shopper)
    vector, history, recent, error = None, None, [], ""
    if shopper is not None and facts.seq > 0 and facts.wants_personal:
        if scenario in FROM_HISTORY:
            # What was looked at and then hidden leads to nothing and is not spoken of.
            newest = recent_products(shopper_id=shopper.pk, limit=RECENT, exclude=facts.hidden)
            recent = [Recent(product_id, kind) for product_id, kind in newest]
        if version is not None and scenario not in FOR_EVERYBODY:
            try:
                if scenario in FROM_HISTORY:
                    encoded, history = fresh_history(shopper=shopper, version=version)
                else:
                    encoded = fresh_vector(shopper=shopper, version=version)
                vector = encoded.vector
            except Exception as failure:
                logger.exception("the shopper could not be encoded; the feed goes on without their vector")
                error = f"{type(failure).__name__}: {failure}"
    request = FeedRequest(
        scenario=scenario,
        count=count,
        personal=bool(recent),
        vector=vector,
        recent=tuple(recent),
        causes=_causes(history, facts.hidden) if history is not None else (),
        bought=facts.bought,
        hidden=facts.hidden,
        in_cart=facts.in_cart,
        product_id=product.pk if product else None,
        query=query,
        include_bought=include_bought,
        elsewhere=elsewhere,
    )
    contribute = None
    if version is not None and history is not None:
        said = None
        try:
            said = served_scores(history=history, version=version, exclude=request.unwanted)
        except Exception as failure:
            logger.exception("the %s failed; the feed goes on with the vectors", version.recommender)
            error = f"{type(failure).__name__}: {failure}"
        if vector is not None:
            by_vector = by_leaving_out(partial(without_each_product, history=history, version=version))
            contribute = by_asking_again(said.without_each_product, by_vector) if said else by_vector
        if said is not None:
            request = replace(request, scores=said.scores)
    spent = 1000 * (time.perf_counter() - began)
    first = Stage("shopper", "history", spent, 0, len(recent), error=error)
    return Asked(request, facts.seq, first, contribute)


def _causes(history: VectorHistory, hidden: frozenset[int]) -> tuple[Recent, ...]:
    """What the shopper last did with each product that speaks for it, newest first; nothing that was hidden."""
    found: dict[int, Recent] = {}
    for place in np.flatnonzero(wanted(history.kinds, history.values))[::-1].tolist():
        product_id = int(history.product_ids[place])
        if product_id not in hidden:
            found.setdefault(product_id, Recent(product_id, Kind(int(history.kinds[place]))))
    return tuple(found.values())
