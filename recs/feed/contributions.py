"""What each product of the shopper's history adds to a score: the score with it minus the score without it.

A contributor answers for the products of one page. That of a vector model leaves each product out of the history and
asks the user tower again; a source that scores by another recommender brings a contributor of its own, which asks
that recommender in the same way (``Recommender.explain``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

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
