"""A database, a Redis database and a state folder that only this run uses, and that are gone after it."""

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

DATABASE_PREFIX, FOLDER_PREFIX = "attune_bench_", "benchmark-"
"""What follows is the same in both names."""
OWNER_LOCK = "owner.lock"
"""In a run's folder, held while the run lives."""


class BenchmarkError(RuntimeError):
    """The benchmark cannot run. The message is one line that says what to do."""


@dataclass(frozen=True)
class Installation:
    """``environment`` makes any process of the project use it."""

    folder: Path
    database: str
    environment: Mapping[str, str]


@contextlib.contextmanager
def temporary_installation(*, var: Path, database_url: str, redis_url: str) -> Iterator[Installation]:
    """On the Postgres and the Redis at those addresses, which must be up. What a run that was killed left there is
    taken away first. Raises BenchmarkError."""
    with contextlib.ExitStack() as stack:
        # Who looks for what was left must not find a folder that is not locked yet.
        with _locked(var / "benchmarks.lock"):
            for left in var.glob(f"{FOLDER_PREFIX}*"):
                _remove_if_orphaned(left, database_url)
            folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=var))
            stack.enter_context(_locked(folder / OWNER_LOCK))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "static").mkdir()
        database = stack.enter_context(_temporary_database(_database_of(folder), database_url))
        queue = stack.enter_context(_empty_redis_database(redis_url))
        environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings.benchmark",
            "ATTUNE_VAR": str(folder),
            "DATABASE_URL": urlunsplit(urlsplit(database_url)._replace(path=f"/{quote(database)}")),
            "REDIS_URL": queue,
            "ARTIFACT_DIR": str(folder / "artifacts"),
            "LOG_LEVEL": "WARNING",
            "HTTPS": "false",
        }
        yield Installation(folder, database, environment)


@contextlib.contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Raises BlockingIOError where another process holds it and there is no waiting."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def _database_of(folder: Path) -> str:
    return DATABASE_PREFIX + folder.name.removeprefix(FOLDER_PREFIX)


def _remove_if_orphaned(folder: Path, database_url: str) -> None:
    try:
        with _locked(folder / OWNER_LOCK, wait=False):
            _drop(_database_of(folder), database_url)
            shutil.rmtree(folder, ignore_errors=True)
    except (BlockingIOError, psycopg.Error):
        # Its run lives; or whoever cannot be dropped by us stays, and a server that is away is told of further on.
        pass


def _drop(name: str, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        # FORCE: a server that was killed may not have noticed yet that its clients are gone.
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def _temporary_database(name: str, database_url: str) -> Iterator[str]:
    try:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        raise BenchmarkError(
            "the role in DATABASE_URL may not create databases: grant it CREATEDB, or unset DATABASE_URL "
            "for the embedded Postgres"
        ) from None
    except psycopg.OperationalError as failure:
        raise BenchmarkError(f"Postgres does not let us make a database: {failure}") from None
    try:
        yield name
    finally:
        _drop(name, database_url)


@contextlib.contextmanager
def _empty_redis_database(redis_url: str) -> Iterator[str]:
    """The address of a numbered database with nothing in it, which is emptied at the end."""
    for number in range(15, 0, -1):
        address = redis_address(redis_url, number)
        client = redis.Redis.from_url(address)
        try:
            if client.dbsize() == 0:
                break
        except redis.ResponseError:
            # The server has fewer databases than that.
            pass
        except redis.RedisError as failure:
            raise BenchmarkError(f"cannot use Redis: {failure}") from None
        client.close()
    else:
        raise BenchmarkError("Redis has no empty database from 1 to 15: unset REDIS_URL for the embedded one")
    try:
        yield address
    finally:
        client.flushdb()
        client.close()


def redis_address(redis_url: str, number: int) -> str:
    """The address of another numbered database of that server. Of ``db=`` and a path the former is what counts."""
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        query = {**dict(parse_qsl(parts.query)), "db": str(number)}
        return f"unix://{parts.netloc}{parts.path}?{urlencode(query)}"
    query = {name: value for name, value in parse_qsl(parts.query) if name != "db"}
    return urlunsplit(parts._replace(path=f"/{number}", query=urlencode(query)))
