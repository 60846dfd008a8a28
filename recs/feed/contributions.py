"""What each product of the shopper's history adds to a score: the score with it minus the score without it.

A contributor answers for the products of one page. That of a vector model leaves each product out of the history and
asks the user tower again; that of another recommender, where one ranks in place of the vectors, asks it in the same
way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from recs.engine.catalogue_scores import places
from recs.engine.interactions import FloatArray, IntArray
from recs.feed.candidates import Candidate, Contributions, FeedRequest
from recs.feed.explain import NOTHING_KNOWN
from recs.feed.pipeline import Contributor
from recs.feed.scorers import product_matrix

if TYPE_CHECKING:
    from recs.engine.transformer.left_out import LeftOut


def by_leaving_out(look: Callable[[], LeftOut]) -> Contributor:
    """To ``scorers.shopper_affinity``, for candidates of all sources; ``look`` is called once a page."""

    def contributions(candidates: Sequence[Candidate], request: FeedRequest) -> Contributions:
        found = look()
        products = product_matrix(candidates, len(found.whole))
        values = ((found.whole - found.without) @ products.T).astype(np.float32)
        return Contributions(tuple(found.items.tolist()), values)

    return contributions


def by_asking_again(look: Callable[[], tuple[IntArray, FloatArray]], by_vector: Contributor) -> Contributor:
    """To ``scorers.model_affinity``; ``look`` gives products of the history and float32 [products, items] of the
    scores without each.

    ``by_vector`` is asked, if such are on the page, for products that the recommender does not know: what they score
    is the vectors' doing.
    """

    def contributions(candidates: Sequence[Candidate], request: FeedRequest) -> Contributions:
        assert request.scores is not None
        products, without = look()
        place = places(np.array([one.product_id for one in candidates], dtype=np.int64), request.scores.ids)
        known = place >= 0
        unknown = [one for one, there in zip(candidates, known, strict=True) if not there]
        other = by_vector(unknown, request) if unknown else NOTHING_KNOWN
        # The vectors know all of the history, so their order, newest first, is that of both.
        history = tuple(dict.fromkeys([*other.product_ids, *products.tolist()]))
        values = np.zeros((len(history), len(candidates)), dtype=np.float32)
        by_model = request.scores.scores[place[known]] - without[:, place[known]]
        for product_id, added in zip(products.tolist(), by_model, strict=True):
            values[history.index(product_id), known] = added
        for product_id, added in zip(other.product_ids, other.values, strict=True):
            values[history.index(product_id), ~known] = added
        return Contributions(history, values)

    return contributions
