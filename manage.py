#!/usr/bin/env python
"""Django's command line, for this project. The embedded Postgres and Redis are up while a command runs."""

import os
import signal
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

from config import services

ON_THEIR_OWN = {
    "benchmark",
    "check",
    "collectstatic",
    "demo",
    "evaluate",
    "help",
    "peers",
    "services",
    "version",
}
"""Commands that need neither server, or see to them themselves."""
ON_THE_SHOP = ("--replay", "--modalities")
"""With one of these even evaluate reads the shop's database."""


def needs_servers(words: list[str]) -> bool:
    """Whether a command line, without the name of the program, reads the database or the queue."""
    if words[0].startswith("-") or {"-h", "--help"} & set(words):
        return False
    # As argparse does, an option may be cut short.
    on_the_shop = words[0] == "evaluate" and any(
        option.startswith(word) for option in ON_THE_SHOP for word in words if word.startswith("--")
    )
    return on_the_shop or words[0] not in ON_THEIR_OWN


def main(arguments: list[str]) -> None:
    """Runs the command with the servers that the environment does not name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
    words = arguments[1:] or ["help"]
    if not needs_servers(words):
        execute_from_command_line(arguments)
        return
    # SIGTERM, too, leaves by way of the context manager, so that no server stays behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    addresses = {"database_url": settings.DATABASE_URL, "redis_url": settings.REDIS_URL}
    with services.running(settings.VAR_DIR, **services.embedded_ones(settings.VAR_DIR, **addresses)):
        execute_from_command_line(arguments)


if __name__ == "__main__":
    try:
        main(sys.argv)
    except services.ServiceError as failure:
        sys.exit(f"error: {failure}")
