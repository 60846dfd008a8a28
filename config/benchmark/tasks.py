"""An empty task: what the queue costs by itself."""

import time

import redis
from celery import shared_task
from django.conf import settings

STARTS_KEY = "attune:benchmark:starts"


@shared_task(queue="realtime")
def note_start(published_at: float) -> None:
    """Leaves the seconds since ``published_at`` in Redis; all processes of a machine share this clock."""
    waited = time.monotonic() - published_at
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.rpush(STARTS_KEY, waited)
    client.close()
