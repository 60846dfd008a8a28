"""One nightly run at a time, in the whole installation, and a row that tells whether it lives.

The lease is a Postgres advisory lock on a connection of its own: it ends with the process, however that
ends. Training is a row, never a message that waits for its acknowledgement.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from recs.models import ModelVersion, TrainingRun

LOCK_KEY = 0x417474756E65  # "Attune"
BEAT_SECONDS = 5.0
"""The row's heartbeat is no finer than this: progress comes many times a second."""


class AlreadyRunning(Exception):
    """Another run holds the lease; the message says since when and at which stage."""


class Lease:
    def __init__(self, run: TrainingRun) -> None:
        self.run = run
        self._beaten = 0.0

    @classmethod
    @contextmanager
    def taken(cls) -> Iterator[Lease]:
        """Raises AlreadyRunning. On the way out a run that has not finished is noted as failed or interrupted."""
        with psycopg.connect(**connection.get_connection_params() | {"autocommit": True}) as holder:
            locked = holder.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
            if not locked or not locked[0]:
                raise AlreadyRunning(_who_runs())
            # Whoever is noted as running has lost the lock, so is dead.
            TrainingRun.objects.filter(status=TrainingRun.Status.RUNNING).update(
                status=TrainingRun.Status.INTERRUPTED,
                reason="the process ended before the run did",
                finished_at=timezone.now(),
            )
            lease = cls(TrainingRun.objects.create())
            try:
                yield lease
            except (KeyboardInterrupt, SystemExit):
                lease.finish(TrainingRun.Status.INTERRUPTED, "stopped by hand; the next run goes on")
                raise
            except BaseException as failure:
                lease.finish(TrainingRun.Status.FAILED, f"{type(failure).__name__}: {failure}")
                raise

    def enter(self, stage: str) -> None:
        self.run.stage = stage
        self._beaten = 0.0
        self.beat()

    def beat(self) -> None:
        if time.monotonic() - self._beaten < BEAT_SECONDS:
            return
        self._beaten = time.monotonic()
        self.run.heartbeat_at = timezone.now()
        self.run.save(update_fields=["stage", "heartbeat_at"])

    def finish(
        self,
        status: TrainingRun.Status,
        reason: str,
        figures: dict[str, Any] | None = None,
        version: ModelVersion | None = None,
    ) -> TrainingRun:
        self.run.status = status
        self.run.reason = reason
        self.run.figures = figures or self.run.figures
        self.run.version = version
        self.run.finished_at = timezone.now()
        self.run.save()
        return self.run


def _who_runs() -> str:
    run = TrainingRun.objects.filter(status=TrainingRun.Status.RUNNING).first()
    if run is None:
        return "another nightly run has just begun"
    return f"another nightly run is under way since {run.started_at:%H:%M} UTC, at the stage «{run.stage}»"
