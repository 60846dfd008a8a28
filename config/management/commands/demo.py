"""``manage.py demo``: a whole shop on this machine, until Ctrl-C."""

import contextlib
import errno
import fcntl
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import services
from config.demo import DemoError, Stopped, preparation
from config.demo.children import StopRequests
from config.demo.programs import web, worker_programs
from config.demo.supervisor import Supervisor
from config.embedded import processes

PORT_SECONDS = 4.0
"""A web server whose demo was killed lets go of its port after at most 3 s."""
OPEN_SECONDS = 120.0

WELCOME = """
  The shop is open at  {address}
  Administration       {address}/admin/   name {admin}, password {password}
  REST API             {address}/api/docs

  Try this:
    1. Open three products that are alike, three lunch bags say, and go back to the home page.
    2. Kill the worker that keeps vectors fresh, and click on: kill -9 {realtime}
    3. In another terminal: make retrain
    4. As administrator, shop as any of the imported customers.
  Ctrl-C stops everything. What was done stays under {var}.
  Ready after {seconds:.0f} s.
"""


class Command(BaseCommand):
    help = "Prepare and run the whole shop on this machine: servers, workers, Postgres, Redis."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", default=os.environ.get("PORT") or "8000", help="default: $PORT or 8000")

    def handle(self, *args: Any, port: str, **options: Any) -> None:
        began = time.monotonic()
        stop_requests = StopRequests()
        addresses = {"database_url": settings.DATABASE_URL, "redis_url": settings.REDIS_URL}
        try:
            number = port_number(port)
            require_free_port(number)
            if not (settings.VAR_DIR / "done" / "retrain").exists():
                processes.require_free_space(
                    settings.VAR_DIR, gigabytes=preparation.NEEDS_GIGABYTES, what="the demo"
                )
            with contextlib.ExitStack() as stack:
                stack.enter_context(only_demo(settings.VAR_DIR))
                starting = time.monotonic()
                up = stack.enter_context(services.running_as_configured(settings.VAR_DIR, **addresses))
                preparation.say_seconds("Postgres and Redis", time.monotonic() - starting)
                for folder in up.opened:
                    print(f"           note: all may now pass through {folder} (chmod go+x), for Postgres")
                preparation.Preparation(stopping=stop_requests.stopping).run()
                self._serve(up, stop_requests, number, began)
        except Stopped:
            pass
        except (DemoError, services.ServiceError) as failure:
            raise CommandError(str(failure)) from None
        print("stopped", flush=True)

    def _serve(self, up: services.Services, stop_requests: StopRequests, port: int, began: float) -> None:
        supervisor = Supervisor(services=up, stop_requests=stop_requests)
        address = f"http://localhost:{port}"
        starting = time.monotonic()
        is_open = False
        try:
            require_free_port(port)
            supervisor.start([web(port)])
            while not stop_requests.stopping():
                supervisor.turn()
                if not is_open and answers(port):
                    is_open = True
                    preparation.say_seconds("web server", time.monotonic() - starting)
                    # Only now: they would take the cores from the web server's start.
                    supervisor.start(worker_programs())
                    print(self._welcome(supervisor, address, time.monotonic() - began), flush=True)
                if not is_open and (failed := supervisor.failed()):
                    raise DemoError(f"{failed} does not start: see its lines above")
                if not is_open and time.monotonic() - starting > OPEN_SECONDS:
                    raise DemoError(
                        f"the web server did not answer within {OPEN_SECONDS:g} s: see its lines above"
                    )
        finally:
            print("\nstopping …", flush=True)
            supervisor.stop()

    def _welcome(self, supervisor: Supervisor, address: str, seconds: float) -> str:
        processes_by_name = {r.program.name: r.process for r in supervisor.programs}
        realtime = processes_by_name["realtime"]
        return WELCOME.format(
            address=address,
            admin=preparation.ADMIN,
            password=preparation.admin_password(),
            realtime=realtime.pid if realtime else "(its process)",
            var=settings.VAR_DIR,
            seconds=seconds,
        )


@contextlib.contextmanager
def only_demo(var: Path) -> Iterator[None]:
    """Two demos on one state folder would mean two schedulers. Raises DemoError."""
    var.mkdir(parents=True, exist_ok=True)
    with (var / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError("a demo of this checkout is already running: stop it first, by Ctrl-C") from None
        yield


def port_number(port: str) -> int:
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise DemoError(f"PORT must be a number from 1 to 65535, not {port!r}")
    return int(port)


def require_free_port(port: int) -> None:
    """Raises DemoError unless the port can be listened on."""
    deadline = time.monotonic() + PORT_SECONDS
    while True:
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                return
        except OSError as failure:
            if failure.errno == errno.EACCES:
                raise DemoError(f"port {port} is for root alone: make demo PORT=8000") from None
            if time.monotonic() > deadline:
                other = port + 1 if port < 65535 else 8000
                raise DemoError(
                    f"port {port} is taken: stop what listens there, or make demo PORT={other}"
                ) from None
        time.sleep(0.2)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
            return True
    except (OSError, urllib.error.URLError):
        return False
