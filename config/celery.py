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
# A worker's process loads torch and the model before it says that it is up; on a busy machine that took 20 s.
app.conf.worker_proc_alive_timeout = 120.0


def every(seconds: float, task: str, *args: str, queue: str = "default") -> dict[str, object]:
    """A worker that was away for an hour answers once, not as often as it was asked."""
    options = {"queue": queue, "expires": seconds}
    return {"task": f"recs.tasks.{task}", "schedule": seconds, "args": args, "options": options}


app.conf.beat_schedule = {
    "sweep-stale-shoppers": every(30.0, "sweep_stale_shoppers"),
    "refresh-popularity": every(300.0, "refresh_popularity"),
    "sweep-content": every(15.0, "sweep_content"),
    "heartbeat-realtime": every(10.0, "record_heartbeat", "realtime", queue="realtime"),
    "heartbeat-default": every(10.0, "record_heartbeat", "default"),
    "train-nightly": {
        "task": "recs.tasks.train_nightly",
        "schedule": crontab(hour=2, minute=0),
        "options": {"expires": 20 * 3600},
    },
}
