"""Liking and hiding a product, and taking that back."""

import uuid as uuids

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Shopper
from catalog.models import Product
from recs.engine.interactions import Kind
from recs.ingest.record import NewInteraction, lock_shopper, record_interactions, remove_interaction
from recs.models import Interaction

OPINIONS = (Kind.LIKE, Kind.HIDE)


def opinion_of(shopper: Shopper | None, product: Product) -> Kind | None:
    """What the shopper said of this product, if anything; the newest word counts."""
    if shopper is None:
        return None
    said = _said(shopper).filter(product=product).order_by("-seq").values_list("kind", flat=True).first()
    return Kind(said) if said is not None else None


def liked_products(shopper: Shopper | None) -> frozenset[int]:
    """Primary keys of what the shopper likes."""
    if shopper is None:
        return frozenset()
    liked = shopper.interactions.filter(kind=int(Kind.LIKE)).values_list("product_id", flat=True)
    return frozenset(product_id for product_id in liked if product_id is not None)


def set_opinion(
    *, shopper: Shopper, product: Product, opinion: Kind | None, recommendation: uuids.UUID | None = None
) -> None:
    """Likes or hides the product; None takes either back. Saying it again changes nothing."""
    with transaction.atomic():
        shopper.last_seq = lock_shopper(shopper)
        known = False
        for uuid, kind in list(_said(shopper).filter(product=product).values_list("uuid", "kind")):
            if opinion is not None and kind == opinion:
                known = True
            else:
                remove_interaction(shopper=shopper, uuid=uuid)
        if opinion is not None and not known:
            interaction = NewInteraction(kind=opinion, product_id=product.pk, recommendation=recommendation)
            record_interactions(shopper=shopper, interactions=[interaction])


def _said(shopper: Shopper) -> QuerySet[Interaction]:
    return shopper.interactions.filter(kind__in=[int(kind) for kind in OPINIONS])
