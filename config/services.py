"""Postgres and Redis of this installation: embedded ones under ``var/``, unless the environment names others.

The settings ask for the two addresses; commands that need the servers hold them with ``running``: what is not
up is started, and the last holder to leave stops it again. Holders are counted by a file lock, which the
kernel releases when a process ends in whatever way. No Django in here: the settings import this file.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from config.embedded import ServiceError, processes
from config.embedded.account import open_path, server_account
from config.embedded.postgres import NAME, EmbeddedPostgres
from config.embedded.valkey import EmbeddedValkey

__all__ = [
    "ServiceError",
    "Services",
    "check_database",
    "check_redis",
    "embedded_database_url",
    "embedded_ones",
    "embedded_redis_url",
    "running",
    "running_as_configured",
    "start",
    "status",
    "stop",
]

LOCK_SECONDS = 700.0
"""Longer than the longest start of a server that another command may be busy with."""


def embedded_database_url(var: Path) -> str:
    """The address of the embedded Postgres of that state folder, running or not."""
    return f"postgresql://{NAME}@/{NAME}?host={quote(str(socket_folder(var)), safe='/')}"


def embedded_redis_url(var: Path) -> str:
    """The address of the embedded Valkey of that state folder, running or not, as redis-py reads it."""
    return f"unix://{quote(str(socket_folder(var) / 'redis.sock'), safe='/')}"


def socket_folder(var: Path) -> Path:
    """``var/run``, or a short one in the temporary folder where the checkout lies too deep for a socket."""
    folder = var.resolve() / "run"
    if len(os.fsencode(folder / ".s.PGSQL.5432.lock")) <= processes.SOCKET_PATH_LIMIT:
        return folder
    mark = hashlib.sha256(os.fsencode(var.resolve())).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"attune-{os.geteuid()}-{mark}"
    if len(os.fsencode(short / ".s.PGSQL.5432.lock")) <= processes.SOCKET_PATH_LIMIT:
        return short
    return Path("/tmp") / short.name


@dataclass(frozen=True)
class Services:
    """The servers that a command uses; None where the environment names one of its own."""

    var: Path
    postgres: EmbeddedPostgres | None
    redis: EmbeddedValkey | None
    opened: tuple[Path, ...] = ()
    """Folders that the servers' account may now pass through; the caller says so."""

    def ensure(self) -> list[str]:
        """Starts again what has died; the names of what had to be started. Raises ServiceError."""
        with _locked(self.var):
            return self._ensure()

    def missing(self) -> list[str]:
        """The servers that do not take new work just now."""
        gone = []
        if self.postgres and self.postgres.state() not in ("ready", "starting"):
            gone.append("postgres")
        if self.redis and not self.redis.answers():
            gone.append("redis")
        return gone

    def stop(self) -> None:
        with _locked(self.var):
            self._stop()

    def _ensure(self) -> list[str]:
        started = []
        server_account().make_private_folder(self._sockets)
        if self.postgres and self.postgres.start():
            started.append("postgres")
        if self.redis and self.redis.start():
            started.append("redis")
        return started

    def _stop(self) -> None:
        if self.redis:
            self.redis.stop()
        if self.postgres:
            self.postgres.stop()
        if self._sockets.parent != self.var and self.postgres and self.redis:
            shutil.rmtree(self._sockets, ignore_errors=True)

    @property
    def _sockets(self) -> Path:
        return socket_folder(self.var)


def start(var: Path, *, postgres: bool = True, redis: bool = True, durable: bool = True) -> Services:
    """Starts the servers, or attaches to those that run. Raises ServiceError.

    They stay up until ``stop``, whoever else comes and goes.
    """
    services = _prepare(var, postgres=postgres, redis=redis, durable=durable)
    with _locked(services.var):
        services._ensure()
        _keep_mark(services.var).touch()
    return services


def stop(var: Path, *, force: bool = False) -> None:
    """Stops both servers of that state folder. Raises ServiceError while a command holds them."""
    services = _prepare(var, postgres=True, redis=True, durable=True)
    with _locked(services.var), (services.var / "holders.lock").open("w") as holders:
        if not force and not _is_last(holders):
            raise ServiceError("the services are in use (by a demo, a training or tests): stop that first")
        _keep_mark(services.var).unlink(missing_ok=True)
        services._stop()


def status(var: Path) -> dict[str, int | None]:
    """The process of each embedded server that runs in that state folder."""
    services = _prepare(var, postgres=True, redis=True, durable=True)
    return {
        "postgres": services.postgres.pid() if services.postgres else None,
        "redis": services.redis.pid() if services.redis else None,
    }


@contextlib.contextmanager
def running(
    var: Path, *, postgres: bool = True, redis: bool = True, durable: bool = True
) -> Iterator[Services]:
    """Holds the servers for the length of a block; the last holder stops them, unless ``start`` was used."""
    services = _prepare(var, postgres=postgres, redis=redis, durable=durable)
    if not postgres and not redis:
        yield services
        return
    with (services.var / "holders.lock").open("w") as holders:
        try:
            with _locked(services.var):
                fcntl.flock(holders, fcntl.LOCK_SH)
                services._ensure()
            yield services
        finally:
            with _locked(services.var):
                if _is_last(holders) and not _keep_mark(services.var).exists():
                    services._stop()


def embedded_ones(var: Path, *, database_url: str, redis_url: str) -> dict[str, bool]:
    """Which of the two the settings leave to the embedded servers, as ``running`` and ``start`` take it."""
    return {
        "postgres": database_url == embedded_database_url(var),
        "redis": redis_url == embedded_redis_url(var),
    }


@contextlib.contextmanager
def running_as_configured(var: Path, *, database_url: str, redis_url: str) -> Iterator[Services]:
    """``running`` for the servers that the settings leave to us; checks the others. Raises ServiceError."""
    embedded = embedded_ones(var, database_url=database_url, redis_url=redis_url)
    if not embedded["postgres"]:
        check_database(database_url)
    if not embedded["redis"]:
        check_redis(redis_url)
    with running(var, **embedded) as services:
        yield services


def check_database(url: str) -> None:
    """Raises ServiceError unless a Postgres with pgvector answers there."""
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT installed_version, default_version FROM pg_available_extensions WHERE name = 'vector'"
            ).fetchone()
            if row is None:
                raise ServiceError(
                    "the Postgres in DATABASE_URL has no pgvector: install it (0.8 or newer) on that server"
                )
            if row[0] is None:
                connection.execute("CREATE EXTENSION vector")
    except psycopg.errors.InsufficientPrivilege:
        raise ServiceError(
            "the role in DATABASE_URL may not add pgvector: run CREATE EXTENSION vector there as a superuser"
        ) from None
    except psycopg.Error as failure:
        reason = " ".join(str(failure).split())
        raise ServiceError(
            f"cannot use DATABASE_URL: {reason}; correct it, or unset it for the embedded Postgres"
        ) from None


def check_redis(url: str) -> None:
    """Raises ServiceError unless a Redis answers there."""
    import redis

    try:
        with contextlib.closing(
            redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as failure:
        raise ServiceError(
            f"cannot use REDIS_URL: {failure}; correct it, or unset it for the embedded Redis"
        ) from None


def _prepare(var: Path, *, postgres: bool, redis: bool, durable: bool) -> Services:
    var = var.resolve()
    processes.require_writable(var)
    account = server_account()
    sockets = socket_folder(var)
    logs = var / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    opened = open_path(account, var / "postgres")
    if account.uid is not None:
        opened += open_path(account, logs / "postgres.log")
    return Services(
        var=var,
        postgres=EmbeddedPostgres(var / "postgres", sockets, logs / "postgres.log", account, durable)
        if postgres
        else None,
        redis=EmbeddedValkey(var / "redis", sockets, logs / "redis.log", account) if redis else None,
        opened=tuple(opened),
    )


def _keep_mark(var: Path) -> Path:
    return var / "keep-services"


@contextlib.contextmanager
def _locked(var: Path) -> Iterator[None]:
    """One command at a time starts or stops servers."""
    with (var / "services.lock").open("w") as lock:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ServiceError(
                        f"another command has been starting services for too long: see {var}"
                    ) from None
                time.sleep(0.05)
        yield


def _is_last(holders: IO[str]) -> bool:
    fcntl.flock(holders, fcntl.LOCK_UN)
    try:
        fcntl.flock(holders, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
