"""What the active version's recommender says of the catalogue to one shopper, where it is no vector model.

Asked within the request, with the history as of that moment: what the shopper just did takes part.
"""

from __future__ import annotations

from django.conf import settings

from recs.engine.catalogue_scores import CatalogueScores
from recs.history import product_history
from recs.registry import ActiveVersion, load_served


def served_scores(*, shopper_id: int, version: ActiveVersion) -> CatalogueScores | None:
    """None where the vectors rank, and for a history of which the recommender knows nothing."""
    served = load_served(version)
    if served is None:
        return None
    return served.catalogue_scores(product_history(shopper_id=shopper_id, length=settings.HISTORY_LENGTH))
