"""Logs: one line per request and per message, at LOG_LEVEL, on standard error."""

from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


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
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
    }


def _only_finished_requests(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Two lines a request say no more than the last of them."""
    if event.get("event") == "request_started":
        raise structlog.DropEvent
    return event
