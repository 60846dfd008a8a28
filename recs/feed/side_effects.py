"""What serving a feed leaves behind: the row that clicks and purchases refer to."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence

from django.db import DatabaseError

from accounts.models import Shopper
from catalog.models import Product
from recs.feed.response import FeedItem
from recs.models import Recommendation
from recs.registry import ActiveVersion

logger = logging.getLogger(__name__)


def log_served(
    *,
    items: Sequence[FeedItem],
    shopper: Shopper | None,
    scenario: str,
    product: Product | None,
    version: ActiveVersion | None,
    seq: int,
) -> uuid.UUID | None:
    """The recommendation's id; None if it could not be stored, which must not cost the shopper their page."""
    shown = [
        {
            "product": item.product.code,
            "score": item.score,
            "sources": list(item.sources),
            "reason": item.reason.code,
        }
        for item in items
    ]
    try:
        # One statement, and no transaction around it: three round trips would be two too many.
        served = Recommendation.objects.create(
            shopper=shopper,
            scenario=scenario,
            product=product,
            version_id=version.id if version else None,
            seq=seq,
            items=shown,
        )
    except DatabaseError:
        logger.exception("a served %s feed was not logged", scenario)
        return None
    return served.uuid
