"""What serving a feed leaves behind: the row that clicks and purchases refer to."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence

from django.db import DatabaseError, transaction

from accounts.models import Shopper
from catalog.models import Product
from recs.feed.candidates import Ranked
from recs.models import Recommendation
from recs.registry import ActiveVersion

logger = logging.getLogger(__name__)


def log_served(
    *,
    ranked: Sequence[Ranked],
    codes: dict[int, str],
    shopper: Shopper | None,
    scenario: str,
    product: Product | None,
    version: ActiveVersion | None,
    seq: int,
) -> uuid.UUID | None:
    """The recommendation's id; None if it could not be stored, which must not cost the shopper their page."""
    items = [
        {
            "product": codes[one.candidate.product_id],
            "score": round(one.candidate.score, 5),
            "sources": list(one.candidate.sources),
            "reason": one.reason.code,
        }
        for one in ranked
    ]
    try:
        with transaction.atomic():
            served = Recommendation.objects.create(
                shopper=shopper,
                scenario=scenario,
                product=product,
                version_id=version.id if version else None,
                seq=seq,
                items=items,
            )
    except DatabaseError:
        logger.exception("a served %s feed was not logged", scenario)
        return None
    return served.uuid
