"""Health: what is missing is named, quickly, and only a missing database is the end."""

import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from recs.models import Heartbeat, ModelVersion


def test_healthz_asks_no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(connection.settings_dict, "HOST", str(tmp_path))
    monkeypatch.setattr(settings, "REDIS_URL", f"unix://{tmp_path}/nobody.sock")

    response = Client().get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
def test_a_shop_with_everything_is_ready(redis_client: redis.Redis):
    ModelVersion.objects.create(name="2026-11-24T02:00Z-3", status="active", dimension=64)
    Heartbeat.objects.create(queue="realtime", beaten_at=timezone.now() - timedelta(seconds=20))

    response = Client().get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "missing": [],
        "checks": {
            "database": "ok",
            "redis": "ok",
            "model": "2026-11-24T02:00Z-3",
            "worker": "last beat 20 s ago",
        },
    }


@pytest.mark.django_db(transaction=True)
def test_without_redis_model_and_worker_the_shop_is_degraded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(settings, "REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    Heartbeat.objects.create(queue="realtime", beaten_at=timezone.now() - timedelta(seconds=90))
    Heartbeat.objects.create(queue="default", beaten_at=timezone.now())

    response = Client().get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "degraded",
        "missing": ["model", "worker", "redis"],
        "checks": {
            "database": "ok",
            "model": "none published: run manage.py retrain",
            "worker": "realtime worker last beat 90 s ago",
            "redis": "cannot be reached",
        },
    }


def test_without_a_database_nothing_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_client: redis.Redis
):
    monkeypatch.setitem(connection.settings_dict, "HOST", str(tmp_path))

    response = Client().get("/readyz")

    assert response.status_code == 503
    assert response["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "database: cannot be reached",
        "missing": ["database"],
        "checks": {"redis": "ok", "database": "cannot be reached"},
    }


def test_servers_that_hang_are_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as postgres, socket.socket(socket.AF_UNIX) as mute:
        postgres.bind(str(tmp_path / ".s.PGSQL.5432"))
        postgres.listen(4)
        mute.bind(str(tmp_path / "redis.sock"))
        mute.listen(4)
        monkeypatch.setitem(connection.settings_dict, "HOST", str(tmp_path))
        monkeypatch.setitem(connection.settings_dict, "PORT", "")
        monkeypatch.setattr(settings, "REDIS_URL", f"unix://{tmp_path}/redis.sock")

        started = time.monotonic()
        response = Client().get("/readyz")

        assert time.monotonic() - started < 2.0
        assert response.status_code == 503
        assert response.json()["missing"] == ["database", "redis"]


def test_health_is_asked_by_get_only():
    response = Client().post("/readyz")

    assert response.status_code == 405
    assert response["Content-Type"] == "application/problem+json"
