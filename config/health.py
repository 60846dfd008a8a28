"""Is the process up, and can it serve. Answers within a second or so, however dead the servers are."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import closing
from dataclasses import dataclass, field

import psycopg
import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.problems import CONTENT_TYPE, problem

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0
BEAT_SECONDS = 60.0
"""A realtime worker beats every 10 s; one whose last beat is older counts as missing."""

STATE = """
SELECT (SELECT name FROM recs_modelversion WHERE status = 'active' LIMIT 1),
       (SELECT extract(epoch FROM now() - max(beaten_at)) FROM recs_heartbeat WHERE queue = 'realtime')
"""


@dataclass(frozen=True, slots=True)
class State:
    """What is there; ``missing`` names what is not, with what to do about it."""

    checks: dict[str, str]
    missing: dict[str, str] = field(default_factory=dict)


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers. It touches no server."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 ok, 200 degraded (feeds still answer) or 503 (no database: nothing does)."""
    state = look()
    if "database" in state.missing:
        body = problem(
            503,
            f"database: {state.missing['database']}",
            missing=list(state.missing),
            checks=state.checks | state.missing,
        )
        return JsonResponse(
            body,
            status=503,
            content_type=CONTENT_TYPE,
            headers={"Cache-Control": "no-store", "Retry-After": "3"},
        )
    body = {
        "status": "degraded" if state.missing else "ok",
        "missing": list(state.missing),
        "checks": state.checks | state.missing,
    }
    return JsonResponse(body, headers={"Cache-Control": "no-store"})


def look() -> State:
    """Asks Postgres and Redis at the same time, each for at most ``ANSWER_SECONDS``."""
    parameters = connection.get_connection_params() | {"connect_timeout": 2, "autocommit": True}
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    # Threads of its own and not waited for: a server that hangs holds one for two seconds, not this answer.
    pool = ThreadPoolExecutor(2, thread_name_prefix="readyz")
    database = pool.submit(_look_into_database, parameters)
    queue = pool.submit(_ask_redis)
    pool.shutdown(wait=False)
    return _judge(database, queue)


def _judge(database: "Future[tuple[str | None, float | None]]", queue: "Future[None]") -> State:
    checks: dict[str, str] = {}
    missing: dict[str, str] = {}
    try:
        model, beat = database.result(ANSWER_SECONDS)
    except TooLate:
        missing["database"] = f"no answer within {ANSWER_SECONDS:g} s"
    except psycopg.errors.UndefinedTable:
        missing["database"] = "not migrated: run manage.py migrate"
    except psycopg.Error as failure:
        logger.error("database is not ready: %s", failure)
        missing["database"] = "cannot be reached"
    else:
        checks["database"] = "ok"
        if model:
            checks["model"] = model
        else:
            missing["model"] = "none published: run manage.py retrain"
        if beat is not None and beat <= BEAT_SECONDS:
            checks["worker"] = f"last beat {max(beat, 0):.0f} s ago"
        else:
            last = "has never beaten" if beat is None else f"last beat {beat:.0f} s ago"
            missing["worker"] = f"realtime worker {last}"
    try:
        queue.result(ANSWER_SECONDS)
    except (TooLate, redis.RedisError, OSError) as failure:
        logger.warning("Redis is not ready: %s", failure)
        missing["redis"] = "cannot be reached"
    else:
        checks["redis"] = "ok"
    return State(checks, missing)


def _look_into_database(parameters: dict) -> tuple[str | None, float | None]:
    with psycopg.connect(**parameters) as own:
        own.execute("SET statement_timeout = '900ms'")
        model, beat = own.execute(STATE).fetchone() or (None, None)
        return model, None if beat is None else float(beat)


def _ask_redis() -> None:
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=ANSWER_SECONDS / 2,
        socket_timeout=ANSWER_SECONDS / 2,
        retry=Retry(NoBackoff(), 0),
    )
    with closing(client):
        client.ping()
