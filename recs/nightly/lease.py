"""One nightly run at a time, in the whole installation, and a row that tells whether it lives.

The lease is a Postgres advisory lock on a connection of its own: it ends with the process, however that
ends. Training is a row, never a message that waits for its acknowledgement.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import DatabaseError, connection
from django.utils import timezone

from recs.models import ModelVersion, TrainingRun

logger = logging.getLogger(__name__)

LOCK_KEY = 0x417474756E65  # "Attune"
BEAT_SECONDS = 5.0
"""The row's heartbeat is no finer than this: progress comes many times a second."""


class AlreadyRunning(Exception):
    """Another run holds the lease; the message says since when and at which stage."""


class LeaseLost(Exception):
    """Postgres was away, and another run took the lease meanwhile."""


class Lease:
    """Held from ``taken()`` on; ``enter`` makes sure that it still is before each stage."""

    def __init__(self, holder: psycopg.Connection) -> None:
        self._holder = holder
        self.run = TrainingRun.objects.create()
        self._beaten = 0.0

    @classmethod
    @contextmanager
    def taken(cls) -> Iterator[Lease]:
        """Raises AlreadyRunning. On the way out a run that has not finished is noted as failed or interrupted."""
        holder = _connect()
        try:
            if not _locked(holder):
                raise AlreadyRunning(_who_runs())
            # Whoever is noted as running has lost the lock, so is dead.
            TrainingRun.objects.filter(status=TrainingRun.Status.RUNNING).update(
                status=TrainingRun.Status.INTERRUPTED,
                reason="the process ended before the run did",
                finished_at=timezone.now(),
            )
            lease = cls(holder)
        except BaseException:
            holder.close()
            raise
        try:
            yield lease
        except (KeyboardInterrupt, SystemExit):
            lease._break_off(
                TrainingRun.Status.INTERRUPTED, "stopped by hand; the next run goes on from there"
            )
            raise
        except BaseException as failure:
            lease._break_off(TrainingRun.Status.FAILED, f"{type(failure).__name__}: {failure}")
            raise
        finally:
            lease.release()

    @property
    def decided(self) -> bool:
        """Whether the run has come to an end that nothing after it changes."""
        return self.run.status != TrainingRun.Status.RUNNING

    def enter(self, stage: str) -> None:
        """Notes the stage. Raises LeaseLost, or psycopg's OperationalError while Postgres is away."""
        self._hold()
        self.run.stage = stage
        self._beaten = 0.0
        self.beat()

    def beat(self) -> None:
        """Says that the run lives. A restart of Postgres does not end a training of many minutes."""
        if time.monotonic() - self._beaten < BEAT_SECONDS:
            return
        self._beaten = time.monotonic()
        self.run.heartbeat_at = timezone.now()
        try:
            self.run.save(update_fields=["stage", "heartbeat_at"])
        except DatabaseError:
            logger.warning("Postgres did not take the heartbeat; the run goes on", exc_info=True)
            connection.close()

    def release(self) -> None:
        self._holder.close()

    def _break_off(self, status: TrainingRun.Status, reason: str) -> None:
        if not self.decided:
            self.finish(status, reason)

    def _hold(self) -> None:
        """Takes the lock again if its connection has broken."""
        try:
            self._holder.execute("SELECT 1")
        except psycopg.OperationalError:
            self._holder.close()
            self._holder = _connect()
            # A run that came and went took this one's checkpoints, and may have published what is newer.
            if not _locked(self._holder) or TrainingRun.objects.filter(pk__gt=self.run.pk).exists():
                raise LeaseLost("Postgres was away, and another run began meanwhile") from None

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


def _connect() -> psycopg.Connection:
    """A connection of its own: Django's may be closed and opened again, and would take the lock along."""
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context"):
        parameters.pop(name, None)
    return psycopg.connect(**parameters | {"autocommit": True})


def _locked(holder: psycopg.Connection) -> bool:
    row = holder.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
    return bool(row and row[0])


def _who_runs() -> str:
    run = TrainingRun.objects.filter(status=TrainingRun.Status.RUNNING).first()
    if run is None:
        return "another nightly run has just begun"
    return f"another nightly run is under way since {run.started_at:%H:%M} UTC, at the stage «{run.stage}»"
