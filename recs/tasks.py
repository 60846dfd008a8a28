"""Celery's side of the three paths: thin callers, one per thing that beat or a commit sets off.

Postgres is the truth. A task that is lost or run twice changes nothing that the next sweep does not mend.
"""

from __future__ import annotations

import logging

import redis
from celery import shared_task
from celery.signals import worker_process_init
from django.utils import timezone

from recs import registry, shopper_vectors
from recs.categories import categorise_products
from recs.content import encode_content, products_to_encode, text_encoder
from recs.models import Heartbeat
from recs.popularity import refresh_popularity as refresh
from recs.product_vectors import place_products, unplaced_products
from recs.quarantine import encode_each
from recs.wake import take_dirty_shoppers

logger = logging.getLogger(__name__)

SWEEP_LIMIT = 2_000
"""Shoppers that one sweep encodes: some seconds of one core; the next sweep goes on."""


@shared_task
def encode_dirty_shoppers() -> int:
    """Drains the set of shoppers who did something, in batches, until it is empty."""
    done = 0
    while True:
        try:
            shopper_ids = take_dirty_shoppers()
        except redis.RedisError as failure:
            logger.warning("Redis did not say who is dirty; the sweep will find them: %s", failure)
            return done
        # Asked anew for each batch: under load one drain may outlast a swap.
        version = registry.active_version()
        if not shopper_ids or version is None:
            return done
        done += encode_each(shopper_ids, version)


@shared_task
def sweep_stale_shoppers() -> int:
    """Encodes those whose newest interaction is newer than their vector: what Redis lost, what failed before."""
    version = registry.active_version()
    if version is None:
        return 0
    return encode_each(shopper_vectors.dirty_shoppers(version=version, limit=SWEEP_LIMIT), version)


@shared_task
def encode_product_content(product_id: int) -> int:
    """Vectors of a product that was saved, a category if it has none, its place in the versions that serve."""
    encode_content(product_ids=[product_id])
    categorise_products()
    return place_products(product_ids=[product_id])


@shared_task
def sweep_content() -> int:
    """The same for every product whose content is missing or older than the product, or that has no place yet."""
    # Loaded before anybody needs it: the first product that is saved must not wait for it.
    text_encoder()
    product_ids = products_to_encode()
    if product_ids:
        encode_content(product_ids=product_ids)
        categorise_products()
    version = registry.active_version()
    unplaced = unplaced_products(version_id=version.id) if version else []
    wanted = sorted({*product_ids, *unplaced})
    return place_products(product_ids=wanted) if wanted else 0


@shared_task
def refresh_popularity() -> int:
    """What trending and popular sources read."""
    return refresh()


@shared_task
def record_heartbeat(queue: str) -> None:
    """Says that a worker of this queue lives; /readyz reads it."""
    Heartbeat.objects.update_or_create(queue=queue, defaults={"beaten_at": timezone.now()})


@shared_task
def train_nightly() -> str:
    """The nightly path; ``make retrain`` runs the same function by hand."""
    from recs.nightly.run import AlreadyRunning, run_nightly

    try:
        return run_nightly(trigger="beat").status
    except AlreadyRunning as reason:
        logger.warning("no nightly run: %s", reason)
        return "not started"


@worker_process_init.connect
def load_model(**_: object) -> None:
    """A worker's first shopper must not wait for torch and the model."""
    registry.warm_up()
