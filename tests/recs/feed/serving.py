"""What tests of whole feeds do and read."""

from accounts.models import Shopper
from catalog.models import Product
from recs.engine.interactions import Kind
from recs.ingest.record import NewInteraction, record_interactions

PER_SHELF = 10


def do(shopper: Shopper, kind: Kind, *products: Product) -> int:
    new = [NewInteraction(kind=kind, product_id=product.pk) for product in products]
    return record_interactions(shopper=shopper, interactions=new).seq


def codes(feed) -> list[str]:
    return [item.product.code for item in feed.items]
