"""What the log says, as it is written."""

import io
import logging

import pytest
import structlog
from celery.app.trace import LOG_RECEIVED

from recs import tasks


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the project's own handler writes."""
    written = io.StringIO()
    [handler] = [
        one
        for one in logging.getLogger().handlers
        if isinstance(one, logging.StreamHandler)
        and isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
    ]
    monkeypatch.setattr(handler, "stream", written)
    return written


def test_a_foreign_host_is_one_line_of_warning(client, log):
    response = client.get("/", headers={"Host": "evil.example"})

    assert response.status_code == 400
    [line] = log.getvalue().splitlines()
    assert "[warning" in line
    assert "Invalid HTTP_HOST header: 'evil.example'" in line


def test_another_bad_request_keeps_its_line(log, rf):
    for request in (rf.get("/cart"), None):
        told = {"status_code": 400, "request": request}
        logging.getLogger("django.request").warning("Bad Request: /cart", extra=told)

    assert log.getvalue().count("Bad Request: /cart") == 2


@pytest.mark.django_db
def test_heartbeats_are_not_logged_and_other_tasks_are(log, monkeypatch):
    received = logging.getLogger("celery.worker.strategy")
    monkeypatch.setattr(received, "level", logging.INFO)
    for task in (tasks.record_heartbeat, tasks.refresh_popularity):
        received.info(LOG_RECEIVED, {"name": task.name, "id": "1", "args": "()", "kwargs": "{}"})

    tasks.record_heartbeat.apply(["realtime"])
    tasks.refresh_popularity.apply()

    lines = log.getvalue().splitlines()
    assert not [line for line in lines if "record_heartbeat" in line]
    assert ["received" in line or "succeeded" in line for line in lines if "refresh_popularity" in line] == [
        True
    ] * 2


def test_a_heartbeat_that_fails_is_logged(log):
    logging.getLogger("celery.app.trace").error(
        "Task %(name)s raised", {"name": "recs.tasks.record_heartbeat"}
    )

    assert "record_heartbeat raised" in log.getvalue()
