"""What each product of the shopper's history adds to a score: the score with it minus the score without it.

A contributor answers for the products of one page. That of a vector model leaves each product out of the history and
asks the user tower again; that of another recommender, where one ranks in place of the vectors, asks it in the same
way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from recs.engine.catalogue_scores import CatalogueScores
from recs.engine.interactions import FloatArray, IntArray
from recs.feed.candidates import Candidate, Contributions, FeedRequest
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


def by_asking_again(look: Callable[[], tuple[IntArray, FloatArray]]) -> Contributor:
    """To ``scorers.model_affinity``, for products that the recommender knows; ``look`` gives products of the history
    and float32 [products, items] of the scores without each."""

    def contributions(candidates: Sequence[Candidate], request: FeedRequest) -> Contributions:
        assert request.scores is not None
        shown = [one.product_id for one in candidates]
        products, without = look()
        each = [CatalogueScores(request.scores.ids, scores).of(shown) for scores in without]
        values = np.nan_to_num(request.scores.of(shown) - np.stack(each)).astype(np.float32)
        return Contributions(tuple(products.tolist()), values)

    return contributions
