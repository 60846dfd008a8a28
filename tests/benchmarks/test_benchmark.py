"""Benchmarks as commands: that they measure, and that nothing of them stays. How fast is no test's affair."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from django.conf import settings

from config.benchmark.installation import DATABASE_PREFIX, redis_address, temporary_installation
from config.services import Services

pytestmark = pytest.mark.slow

ENGINE = ["--items", "2000", "--interactions", "20000", "--seconds", "3"]
SMALL = ["--products", "200", "--shoppers", "20", "--seconds", "1"]
LATENCIES = {"rps", "p50_ms", "p95_ms", "p99_ms", "floor_view_p50_ms", "floor_sql_p50_ms"}


def start(name: str, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "ATTUNE_VAR": str(settings.VAR_DIR), "OMP_NUM_THREADS": "1"}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    return subprocess.Popen(
        [sys.executable, "manage.py", "benchmark", name, *SMALL, *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lives(process: psutil.Process) -> bool:
    """One that has ended counts as running until its parent asks; an orphan's is the system, which takes its time."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def left_behind() -> list[str]:
    """Databases, folders and Redis keys of benchmarks."""
    with psycopg.connect(settings.DATABASE_URL) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [DATABASE_PREFIX]
        ).fetchall()
    folders = [path.name for path in Path(settings.VAR_DIR).glob("benchmark-*")]
    keys = [str(key) for key in redis.Redis.from_url(redis_address(settings.REDIS_URL, 15)).scan_iter()]
    return [row[0] for row in rows] + folders + keys


def test_the_feed_is_measured_against_its_floors(running_services: Services):
    process = start("feed", "--json", "-")
    output, errors = process.communicate(timeout=240)

    assert process.returncode == 0, errors
    figures = json.loads(output)
    assert figures.keys() >= LATENCIES | {"ratio_to_floor", "sql_queries"}
    assert all(taken > 0 for taken in figures["reasons_p50_ms"].values())
    assert all(figures[name] > 0 for name in LATENCIES)
    assert set(figures["concurrency"]) == {"1", "8"}
    assert "home feed" in errors
    assert left_behind() == []


def test_no_feed_ignores_an_acknowledged_interaction(running_services: Services, tmp_path: Path):
    process = start("freshness", "--json", str(tmp_path / "found.json"))
    output, errors = process.communicate(timeout=240)

    assert process.returncode == 0, errors
    figures = json.loads((tmp_path / "found.json").read_text())
    assert figures["stale_responses"] == 0
    assert figures["floor_task_p50_ms"] > 0
    assert 0 < figures["vector_p50_ms"] <= figures["vector_p99_ms"]
    assert 0 < figures["feed_p50_ms"] <= figures["feed_p99_ms"]
    assert "vector stored by the worker" in output


def test_the_engine_is_measured_by_itself():
    process = start("engine", *ENGINE, "--json", "-")
    output, errors = process.communicate(timeout=240)

    assert process.returncode == 0, errors
    figures = json.loads(output)
    assert set(figures["histories"]) == {"10", "50"}
    assert all(speed["batch_to_plain"] > 0 for speed in figures["histories"].values())
    assert figures["ndcg"] > figures["popularity_ndcg"]
    assert figures["interactions_per_s"] > 0
    assert figures["peak_rss_mb"] > 0


def test_an_interrupted_benchmark_leaves_nothing_behind(running_services: Services):
    """By Ctrl-C; SIGTERM leaves by the same context managers."""
    process = start("feed", "--seconds", "60")
    assert process.stderr is not None
    for line in process.stderr:
        if "measuring" in line:
            break
    time.sleep(0.5)
    children = psutil.Process(process.pid).children(recursive=True)
    assert any("gunicorn" in " ".join(child.cmdline()) for child in children)

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode != 0
    assert "Traceback" not in errors
    assert [child for child in children if lives(child)] == []
    assert left_behind() == []


def test_what_a_killed_one_left_is_taken_away_by_the_next_and_nothing_of_one_that_lives(
    running_services: Services,
):
    var = Path(settings.VAR_DIR)
    addresses = {"var": var, "database_url": settings.DATABASE_URL, "redis_url": settings.REDIS_URL}
    (var / "benchmark-killed").mkdir()
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE_PREFIX}killed")

    with temporary_installation(**addresses) as living, temporary_installation(**addresses) as other:
        assert set(left_behind()) == {
            *(living.database, living.folder.name),
            *(other.database, other.folder.name),
        }
    assert left_behind() == []
