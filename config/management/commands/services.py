"""``manage.py services``: the embedded Postgres and Redis by hand, or around any other command."""

import argparse
import signal
import subprocess
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import services


class Command(BaseCommand):
    help = "Start, stop or look at the embedded Postgres and Redis, or run a command with them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("start", help="start both and leave them running")
        stop = actions.add_parser("stop", help="stop both")
        stop.add_argument("--force", action="store_true", help="also while a command uses them")
        actions.add_parser("status", help="say what runs, and its address")
        run = actions.add_parser("run", help="run a command; what it needs is up while it lasts")
        run.add_argument("command_line", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            if action == "start":
                self._start()
            elif action == "stop":
                services.stop(settings.VAR_DIR, force=options["force"])
            elif action == "status":
                self._status()
            else:
                self._run([word for word in options["command_line"] if word != "--"])
        except services.ServiceError as failure:
            raise CommandError(str(failure)) from None

    def _start(self) -> None:
        started = services.start(settings.VAR_DIR, **self._embedded())
        for folder in started.opened:
            self.stderr.write(f"note: {folder} may now be passed through by all (chmod go+x), for Postgres")
        self._status()

    def _status(self) -> None:
        running = services.status(settings.VAR_DIR)
        embedded = self._embedded()
        for name, address in (("postgres", settings.DATABASE_URL), ("redis", settings.REDIS_URL)):
            if embedded[name]:
                state = f"process {running[name]}" if running[name] else "not running"
            else:
                state = "not ours: named by the environment"
            # An address of the environment may carry a password.
            self.stdout.write(f"{name:9} {state:35} {address if embedded[name] else ''}".rstrip())

    def _run(self, command_line: list[str]) -> None:
        if not command_line:
            raise CommandError("name the command: manage.py services run -- COMMAND ...")
        addresses = {"database_url": settings.DATABASE_URL, "redis_url": settings.REDIS_URL}
        with services.running_as_configured(settings.VAR_DIR, **addresses):
            # Ctrl-C reaches the command itself; this process stays to put the services away after it.
            earlier = signal.signal(signal.SIGINT, lambda *_: None)
            try:
                child = subprocess.Popen(command_line)
                signal.signal(signal.SIGTERM, lambda *_: child.terminate())
                code = child.wait()
            except FileNotFoundError:
                raise CommandError(f"no such command: {command_line[0]}") from None
            finally:
                signal.signal(signal.SIGINT, earlier)
        if code:
            raise SystemExit(code if code > 0 else 128 - code)

    def _embedded(self) -> dict[str, bool]:
        addresses = {"database_url": settings.DATABASE_URL, "redis_url": settings.REDIS_URL}
        return services.embedded_ones(settings.VAR_DIR, **addresses)
