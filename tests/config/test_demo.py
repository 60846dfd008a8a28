"""``manage.py demo`` for real, on a state folder whose lengthy steps are marked as done."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from django.conf import settings

from config import services
from config.demo import DemoError
from config.management.commands.demo import port_number, require_free_port
from tests.processes import ROOT, TestProcess, answers, free_port, python_process


def environment(var: Path) -> dict[str, str]:
    return {"ATTUNE_VAR": str(var), "DJANGO_SETTINGS_MODULE": "config.settings.base", "PYTHONUNBUFFERED": "1"}


def manage(var: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", *arguments]
    own = {**os.environ, **environment(var)}
    for name in ("DATABASE_URL", "REDIS_URL"):
        own.pop(name, None)
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)


def processes_of(var: Path) -> list[psutil.Process]:
    """Every process that was told of the state folder, by its environment or its arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            told = process.environ().get("ATTUNE_VAR") == str(var)
            if told or any(str(var) in word for word in process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """Tables exist; importing, encoding and training count as done, so that a demo starts within seconds."""
    var = settings.VAR_DIR / "demo"
    shutil.rmtree(var, ignore_errors=True)
    done = manage(var, "services", "run", "--", sys.executable, "manage.py", "migrate", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    with services.running(var), psycopg.connect(services.embedded_database_url(var)) as connection:
        row = connection.execute("SELECT min(applied)::text FROM django_migrations").fetchone()
    (var / "done").mkdir()
    for name in ("import_online_retail", "encode_content", "retrain"):
        (var / "done" / name).write_text(row[0])
    yield var
    for process in processes_of(var):
        process.kill()  # what a failed test left, or the next run would count it
    services.stop(var, force=True)
    shutil.rmtree(var)


@contextmanager
def demo(var: Path, log: Path) -> Iterator[tuple[TestProcess, int]]:
    port = free_port()
    arguments = ["manage.py", "demo", "--port", str(port)]
    with python_process(arguments, log=log, environment=environment(var)) as process:
        process.wait_for(lambda: "Ready after" in process.output(), what="starting the demo")
        yield process, port


def worker_pids(var: Path, queue: str) -> list[int]:
    return [p.pid for p in processes_of(var) if f"{queue}@%h" in p.cmdline() and p.ppid() != 1]


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_behind(prepared: Path, tmp_path: Path) -> None:
    with demo(prepared, tmp_path / "demo.log") as (process, port):
        assert answers(f"http://127.0.0.1:{port}/healthz")
        process.popen.send_signal(signal.SIGINT)

        assert process.popen.wait(timeout=30) == 0

    assert processes_of(prepared) == []
    assert process.output().rstrip().endswith("stopped")


@pytest.mark.slow
def test_a_worker_that_is_killed_is_started_again(prepared: Path, tmp_path: Path) -> None:
    with demo(prepared, tmp_path / "demo.log") as (process, _):
        first = min(worker_pids(prepared, "realtime"))
        os.kill(first, signal.SIGKILL)

        noticed = "realtime was ended by SIGKILL"
        process.wait_for(lambda: noticed in process.output(), what="noticing", seconds=5)
        process.wait_for(
            lambda: set(worker_pids(prepared, "realtime")) - {first} != set(),
            what="restarting",
            seconds=15,
        )
        assert first not in worker_pids(prepared, "realtime")


@pytest.mark.slow
def test_postgres_and_redis_that_are_killed_come_back_by_themselves(prepared: Path, tmp_path: Path) -> None:
    with demo(prepared, tmp_path / "demo.log") as (process, _):
        for name in ("postgres", "redis"):
            os.kill(services.status(prepared)[name], signal.SIGKILL)

        process.wait_for(
            lambda: all(services.status(prepared).values()) and "back after" in process.output(),
            what="bringing Postgres and Redis back",
            seconds=30,
        )
        services.check_database(services.embedded_database_url(prepared))
        services.check_redis(services.embedded_redis_url(prepared))


@pytest.mark.slow
def test_a_demo_that_was_killed_leaves_nothing_in_the_way_of_the_next(prepared: Path, tmp_path: Path) -> None:
    with demo(prepared, tmp_path / "killed.log") as (process, _):
        process.popen.kill()
        process.popen.wait()
        deadline = time.monotonic() + 15
        while any(p.name().startswith("python") for p in processes_of(prepared)):
            assert time.monotonic() < deadline, processes_of(prepared)
            time.sleep(0.1)

    with demo(prepared, tmp_path / "next.log") as (process, port):
        assert answers(f"http://127.0.0.1:{port}/healthz")
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.wait(timeout=30) == 0

    assert processes_of(prepared) == []


@pytest.mark.slow
def test_a_taken_port_is_one_line_that_says_what_to_do(state_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        refused = manage(state_folder, "demo", "--port", str(port))

    assert refused.returncode == 1
    assert refused.stderr == (
        f"CommandError: port {port} is taken: stop what listens there, or make demo PORT={port + 1}\n"
    )


@pytest.mark.slow
def test_an_unreachable_database_is_one_line_that_says_what_to_do(state_folder: Path) -> None:
    own = {**os.environ, **environment(state_folder), "DATABASE_URL": "postgresql://x@127.0.0.1:1/none"}
    command = [sys.executable, "manage.py", "demo", "--port", str(free_port())]

    refused = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)

    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: cannot use DATABASE_URL: ")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("port", ["0", "65536", "abc", "-1", ""])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(DemoError, match="PORT must be a number from 1 to 65535"):
        port_number(port)


def test_a_free_port_is_accepted_and_left_free() -> None:
    port = free_port()

    require_free_port(port)

    with socket.socket() as taker:
        taker.bind(("127.0.0.1", port))
        assert taker.getsockname()[1] == port


@pytest.mark.slow
def test_a_command_run_with_services_hands_its_exit_code_on(state_folder: Path) -> None:
    var = state_folder / "var"

    done = manage(var, "services", "run", "--", "sh", "-c", "test -S $ATTUNE_VAR/run/redis.sock && exit 3")

    assert done.returncode == 3
    assert services.status(var) == {"postgres": None, "redis": None}


@pytest.mark.slow
def test_any_command_works_while_nothing_runs_and_leaves_nothing_behind(state_folder: Path) -> None:
    done = manage(state_folder, "showmigrations", "--plan")

    assert done.returncode == 0, done.stderr
    assert "[ ]  catalog.0001_initial" in done.stdout
    assert services.status(state_folder) == {"postgres": None, "redis": None}


def test_set_up_without_a_fitting_python_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in ("dirname", "date"):
        (tmp_path / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "setup.sh").write_text((ROOT / "config" / "setup.sh").read_text())

    refused = subprocess.run(
        ["/bin/sh", tmp_path / "config" / "setup.sh"],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 1
    assert refused.stderr.startswith("setup: no Python 3.11 or 3.12 found: install one")
    assert refused.stderr.count("\n") == 1
