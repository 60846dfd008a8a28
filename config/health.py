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
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework import serializers
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.request import Request
from rest_framework.response import Response

from config.problems import CONTENT_TYPE, ProblemSerializer, problem

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


class HealthSerializer(serializers.Serializer):
    status = serializers.ChoiceField(["ok", "degraded"])


class ReadinessSerializer(HealthSerializer):
    missing = serializers.ListField(child=serializers.CharField(), help_text="Of model, worker, redis.")
    checks = serializers.DictField(child=serializers.CharField(), help_text="Each part and its state.")


class UnreadySerializer(ProblemSerializer):
    missing = serializers.ListField(child=serializers.CharField(), help_text="Database, and what else.")
    checks = serializers.DictField(child=serializers.CharField())


@extend_schema(
    operation_id="healthz",
    summary="Is the process up",
    description="Asks no server.",
    responses={200: HealthSerializer},
    examples=[OpenApiExample("Up", value={"status": "ok"}, response_only=True)],
    auth=[],
    tags=["health"],
)
@api_view(["GET"])
@authentication_classes([])
def healthz(request: Request) -> Response:
    return Response({"status": "ok"})


@extend_schema(
    operation_id="readyz",
    summary="Can the shop serve",
    description="Without Redis, a worker or a model it can: `degraded`. Without its database it cannot: 503. "
    "Answers within about a second, however dead the servers are.",
    responses={
        200: ReadinessSerializer,
        (503, CONTENT_TYPE): OpenApiResponse(UnreadySerializer, description="No database."),
    },
    examples=[
        OpenApiExample(
            "Without Redis",
            value={
                "status": "degraded",
                "missing": ["redis"],
                "checks": {
                    "database": "ok",
                    "model": "2026-11-24T02:00Z-3",
                    "worker": "last beat 4 s ago",
                    "redis": "cannot be reached",
                },
            },
            response_only=True,
            status_codes=["200"],
        ),
        OpenApiExample(
            "Without a database",
            value=problem(
                503,
                "database: cannot be reached",
                missing=["database"],
                checks={"redis": "ok", "database": "cannot be reached"},
            ),
            response_only=True,
            status_codes=["503"],
            media_type=CONTENT_TYPE,
        ),
    ],
    auth=[],
    tags=["health"],
)
@api_view(["GET"])
@authentication_classes([])
def readyz(request: Request) -> Response:
    state = look()
    headers = {"Cache-Control": "no-store"}
    missing, checks = list(state.missing), state.checks | state.missing
    if "database" in state.missing:
        detail = f"database: {state.missing['database']}"
        body = problem(503, detail, missing=missing, checks=checks)
        return Response(body, status=503, content_type=CONTENT_TYPE, headers=headers | {"Retry-After": "3"})
    status = "degraded" if missing else "ok"
    return Response({"status": status, "missing": missing, "checks": checks}, headers=headers)


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
