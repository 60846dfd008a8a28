from typing import Any

from django.apps import AppConfig
from django.db import transaction
from django.db.models.signals import post_save


class RecsConfig(AppConfig):
    name = "recs"
    verbose_name = "recommendations"

    def ready(self) -> None:
        from catalog.models import Product

        # A wake-up, not a flow of data: catalog knows no recommendations, and whoever saves a product, by the
        # admin or in code, must not have to think of them. The sweep finds what this misses.
        post_save.connect(_wake_content, sender=Product, dispatch_uid="recs.content")


def _wake_content(instance: Any, raw: bool = False, **_: Any) -> None:
    """Asks the default worker to encode the product that was saved, once that is committed."""
    from recs.wake import wake_content

    if not raw:
        transaction.on_commit(lambda: wake_content(instance.pk))
