"""Logs: one line per request and per message but heartbeats, at LOG_LEVEL, on standard error."""

import logging
from typing import Any

import structlog
from django.core.exceptions import DisallowedHost
from structlog.typing import EventDict, WrappedLogger

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
FOREIGN_HOST = "django.security.DisallowedHost"
HEARTBEAT = "recs.tasks.record_heartbeat"


def configure(level: str) -> dict[str, Any]:
    """Sends structlog's events through the standard library; returns Django's LOGGING.

    Tracebacks come without local variables, which may hold tokens and addresses.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            _only_finished_requests,
            structlog.processors.format_exc_info,
            structlog.stdlib.render_to_log_kwargs,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    shared = [structlog.stdlib.ExtraAdder(), structlog.processors.format_exc_info]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"brief": {"()": Brief}},
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S"),
                    *shared,
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.dev.ConsoleRenderer(
                        colors=False, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
                    ),
                ],
            }
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["brief"]}
        },
        "root": {"handlers": ["stderr"], "level": level},
    }


class Brief(logging.Filter):
    """Takes out what fills a log without saying anything: heartbeats of workers, and tracebacks of foreign hosts.

    Anybody can send a Host that is not the shop's. It is one warning, which tells an owner whose ALLOWED_HOSTS
    lacks a name.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == FOREIGN_HOST:
            record.exc_info = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        elif record.name == "django.request" and getattr(record, "status_code", None) == 400:
            return not _has_foreign_host(getattr(record, "request", None))
        elif record.levelno < logging.WARNING and isinstance(record.args, dict):
            # Celery's two lines per task carry its name.
            return record.args.get("name") != HEARTBEAT
        return True


def _has_foreign_host(request: Any) -> bool:
    try:
        if request is not None:
            request.get_host()
    except DisallowedHost:
        return True
    return False


def _only_finished_requests(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Two lines a request say no more than the last of them."""
    if event.get("event") == "request_started":
        raise structlog.DropEvent
    return event
