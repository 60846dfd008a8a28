"""The Celery application: which task runs where, and what beat starts when."""

import os

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

app = Celery("attune")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Three queues and three workers: a training that takes minutes must never stand before a shopper's click.
app.conf.task_routes = {
    "recs.tasks.encode_dirty_shoppers": {"queue": "realtime"},
    "recs.tasks.train_nightly": {"queue": "training"},
}
app.conf.beat_schedule = {
    "sweep-stale-shoppers": {"task": "recs.tasks.sweep_stale_shoppers", "schedule": 30.0},
    "refresh-popularity": {"task": "recs.tasks.refresh_popularity", "schedule": 300.0},
    "sweep-content": {"task": "recs.tasks.sweep_content", "schedule": 60.0},
    **{
        f"heartbeat-{queue}": {
            "task": "recs.tasks.record_heartbeat",
            "schedule": 10.0,
            "args": [queue],
            # A worker that was away for an hour answers once, not 360 times.
            "options": {"queue": queue, "expires": 10.0},
        }
        for queue in ("realtime", "default")
    },
    "train-nightly": {"task": "recs.tasks.train_nightly", "schedule": crontab(hour=2, minute=0)},
}
