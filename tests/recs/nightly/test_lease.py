"""One run at a time, and rows that tell how each ended."""

import pytest
from django.db import connection

from recs.models import TrainingRun
from recs.nightly.lease import AlreadyRunning, Lease, LeaseLost

pytestmark = pytest.mark.django_db


def end_backend(pid: int) -> None:
    """What a restart of Postgres does to a connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_second_run_is_refused_and_told_where_the_first_one_stands():
    with Lease.taken() as lease:
        lease.enter("train")

        with pytest.raises(AlreadyRunning, match=r"since \d\d:\d\d UTC, at the stage «train»"), Lease.taken():
            pass

    assert TrainingRun.objects.count() == 1


def test_after_a_run_the_next_one_may_begin():
    with Lease.taken() as lease:
        lease.finish(TrainingRun.Status.REFUSED, "no")

    with Lease.taken() as lease:
        assert lease.run.status == "running"


def test_a_run_whose_process_died_is_noted_as_interrupted_by_the_next():
    dead = TrainingRun.objects.create(stage="train")

    with Lease.taken() as lease:
        dead.refresh_from_db()
        assert dead.status == "interrupted"
        assert dead.reason == "the process ended before the run did"
        assert dead.finished_at is not None
        assert lease.run.pk != dead.pk


def test_stopping_by_hand_is_noted():
    with pytest.raises(KeyboardInterrupt), Lease.taken() as lease:
        raise KeyboardInterrupt

    lease.run.refresh_from_db()
    assert lease.run.status == "interrupted"
    assert "stopped by hand" in lease.run.reason


def test_a_failure_is_noted_with_what_it_was():
    with pytest.raises(ValueError, match="no space"), Lease.taken() as lease:
        raise ValueError("no space")

    lease.run.refresh_from_db()
    assert (lease.run.status, lease.run.reason) == ("failed", "ValueError: no space")


def test_the_heartbeat_is_written_at_each_stage_and_not_at_every_step():
    with Lease.taken() as lease:
        lease.enter("train")
        first = TrainingRun.objects.get().heartbeat_at
        lease.beat()
        assert TrainingRun.objects.get().heartbeat_at == first

        lease.enter("evaluate")
        assert TrainingRun.objects.get().heartbeat_at > first
        assert TrainingRun.objects.get().stage == "evaluate"


def test_a_lease_whose_connection_broke_is_taken_again():
    with Lease.taken() as lease:
        end_backend(lease._holder.info.backend_pid)

        lease.enter("build")

        with pytest.raises(AlreadyRunning), Lease.taken():
            pass


def test_a_lease_that_another_run_took_and_gave_back_is_lost():
    with Lease.taken() as lease:
        end_backend(lease._holder.info.backend_pid)
        with Lease.taken() as other:
            other.finish(TrainingRun.Status.PUBLISHED, "better")

        with pytest.raises(LeaseLost):
            lease.enter("evaluate")


def test_a_lease_that_another_run_took_meanwhile_is_lost():
    with Lease.taken() as lease:
        end_backend(lease._holder.info.backend_pid)

        with Lease.taken(), pytest.raises(LeaseLost):
            lease.enter("build")
