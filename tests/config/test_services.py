"""The embedded Postgres and Redis, for real: each test has a state folder of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import redis

from config import services
from config.services import ServiceError
from tests.processes import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def var(state_folder: Path) -> Path:
    return state_folder / "var"


def start(var: Path) -> services.Services:
    return services.start(var, durable=False)


def connect(var: Path) -> psycopg.Connection:
    return psycopg.connect(services.embedded_database_url(var))


def wait_until_missing(up: services.Services, name: str) -> None:
    deadline = time.monotonic() + 5
    while up.missing() != [name]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_second_start_attaches_to_the_running_servers(var: Path) -> None:
    start(var)
    first = services.status(var)

    start(var)

    assert services.status(var) == first
    assert None not in first.values()


def test_the_last_of_two_holders_stops_the_servers(var: Path) -> None:
    with services.running(var, durable=False):
        with services.running(var, durable=False):
            pass
        assert None not in services.status(var).values()

    assert services.status(var) == {"postgres": None, "redis": None}


def test_servers_started_by_hand_outlive_a_holder(var: Path) -> None:
    start(var)

    with services.running(var, durable=False):
        pass

    assert None not in services.status(var).values()


def test_servers_in_use_are_not_stopped(var: Path) -> None:
    with services.running(var, durable=False), pytest.raises(ServiceError, match="are in use"):
        services.stop(var)


def test_a_holder_that_is_killed_does_not_count(var: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from config import services
with services.running(Path({str(var)!r}), durable=False):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert None not in services.status(var).values()

    with services.running(var, durable=False):
        pass

    assert services.status(var) == {"postgres": None, "redis": None}


def test_postgres_preloads_pgvector_and_the_shop_is_no_superuser(var: Path) -> None:
    start(var)

    with connect(var) as connection:
        row = connection.execute(
            "SELECT current_setting('shared_preload_libraries'), rolsuper,"
            " current_setting('listen_addresses'),"
            " (SELECT count(*) FROM pg_extension WHERE extname = 'vector')"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()

    assert row == ("vector", False, "", 1)


def test_the_sockets_are_for_their_owner_alone(var: Path) -> None:
    start(var)

    folder = services.socket_folder(var)
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, folder / "redis.sock")] == ["0o700"] * 2


def test_a_half_made_cluster_is_made_anew(var: Path) -> None:
    (var / "postgres.new" / "base").mkdir(parents=True)
    (var / "postgres").mkdir()
    (var / "postgres" / "postmaster.pid").write_text("")

    start(var)

    services.check_database(services.embedded_database_url(var))


def test_a_state_folder_that_was_copied_or_opened_is_put_right(var: Path) -> None:
    start(var)
    services.stop(var)
    owner = os.geteuid()
    for path in (var / "postgres", *(var / "postgres").rglob("*")):
        os.chown(path, owner, -1)
    (var / "postgres").chmod(0o755)

    start(var)

    services.check_database(services.embedded_database_url(var))


def test_a_run_that_was_killed_before_the_database_existed_is_completed(var: Path) -> None:
    start(var)
    (var / "postgres" / "attune.made").unlink()
    sockets = str(services.socket_folder(var))
    with psycopg.connect(host=sockets, user="postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE attune")

    start(var)

    services.check_database(services.embedded_database_url(var))


def test_a_pid_file_whose_number_now_belongs_to_another_process_is_ignored(var: Path) -> None:
    start(var)
    services.stop(var)
    pid_file = var / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{var}/postgres\n0\n5432\n{var}/run\n\n0 0\nready\n")
    (services.socket_folder(var) / "redis.pid").write_text(str(os.getpid()))

    start(var)

    assert not {None, os.getpid()} & set(services.status(var).values())
    services.check_database(services.embedded_database_url(var))


def test_postgres_that_was_killed_comes_back_with_what_was_committed(var: Path) -> None:
    up = services.start(var, durable=True)
    with connect(var) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    os.kill(services.status(var)["postgres"], signal.SIGKILL)
    wait_until_missing(up, "postgres")

    assert up.ensure() == ["postgres"]

    with connect(var) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_postgres_that_waits_for_its_clients_to_leave_is_restarted_at_once(var: Path) -> None:
    up = start(var)
    with connect(var) as held:
        os.kill(services.status(var)["postgres"], signal.SIGTERM)
        wait_until_missing(up, "postgres")

        assert up.ensure() == ["postgres"]

        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")
    services.check_database(services.embedded_database_url(var))


def test_redis_that_was_killed_comes_back_empty(var: Path) -> None:
    up = start(var)
    with redis.Redis.from_url(services.embedded_redis_url(var)) as client:
        client.set("queue", "message")
    os.kill(services.status(var)["redis"], signal.SIGKILL)
    wait_until_missing(up, "redis")

    assert up.ensure() == ["redis"]

    with redis.Redis.from_url(services.embedded_redis_url(var)) as client:
        assert client.get("queue") is None


def test_redis_whose_pid_file_was_lost_is_stopped_all_the_same(var: Path) -> None:
    start(var)
    (services.socket_folder(var) / "redis.pid").unlink()

    services.stop(var)

    with pytest.raises(ServiceError, match="cannot use REDIS_URL"):
        services.check_redis(services.embedded_redis_url(var))


def test_a_checkout_that_lies_deep_gets_short_sockets(state_folder: Path) -> None:
    var = state_folder / ("deep" * 20) / ("deeper" * 10)
    assert len(str(services.socket_folder(var))) < 60

    with services.running(var, durable=False):
        services.check_database(services.embedded_database_url(var))
        services.check_redis(services.embedded_redis_url(var))

    assert not services.socket_folder(var).exists()


def test_a_path_with_spaces_and_signs_works(state_folder: Path) -> None:
    var = state_folder / "it's 100% & more"

    with services.running(var, durable=False):
        services.check_database(services.embedded_database_url(var))
        services.check_redis(services.embedded_redis_url(var))


def test_a_database_without_pgvector_is_refused(var: Path) -> None:
    start(var)
    folder = quote(str(services.socket_folder(var)))
    url = f"postgresql://postgres@/postgres?host={folder}&options=-c%20extension_control_path%3D/nowhere"

    with pytest.raises(ServiceError) as failure:
        services.check_database(url)

    assert str(failure.value) == (
        "the Postgres in DATABASE_URL has no pgvector: install it (0.8 or newer) on that server"
    )


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "no address at all"])
def test_a_database_that_does_not_answer_is_named_in_one_line(url: str) -> None:
    with pytest.raises(ServiceError, match="cannot use DATABASE_URL") as failure:
        services.check_database(url)

    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "no address at all"])
def test_a_redis_that_does_not_answer_is_named_in_one_line(url: str) -> None:
    with pytest.raises(ServiceError, match="cannot use REDIS_URL") as failure:
        services.check_redis(url)

    assert "\n" not in str(failure.value)
