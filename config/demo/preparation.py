"""What must be done before the shop can open, in order; what an earlier run has done is left out."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from config.demo import DemoError, children
from config.secrets import secret

ADMIN = "admin"
FIRST_TRAINING_MINUTES = 2
NEEDS_GIGABYTES = 2.0
"""Database, pictures and models of the demo take about 0.5 GB; Postgres' log may take 1 GB more."""

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]
ENVIRONMENT = {"DEBUG": "false", "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class Step:
    """One of the project's commands. All of them may be repeated, and go on where a killed run left off."""

    title: str
    arguments: tuple[str, ...]

    @property
    def mark(self) -> str:
        return self.arguments[0]


STEPS = (
    Step("the shop's products, customers and purchases", ("import_online_retail",)),
    Step("what texts and pictures are about", ("encode_content",)),
    Step("the first model", ("retrain", "--if-none", "--minutes", str(FIRST_TRAINING_MINUTES))),
)


@dataclass(frozen=True)
class StaticFiles:
    """The collecting of static files, which runs beside the steps."""

    child: "subprocess.Popen[bytes]"
    fingerprint: str
    log: Path


class Preparation:
    """Runs the steps and prints the seconds that each took."""

    def __init__(self, *, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._marks = settings.VAR_DIR / "done"
        self._marks.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        """Raises DemoError if a step fails, Stopped if somebody asks to stop."""
        static = self._start_collecting_static_files()
        try:
            self._migrate()
            database = self._database_mark()
            for step in STEPS:
                if self._marked(step.mark) != database:
                    with timed(step.title):
                        self._run(step)
                    self._mark(step.mark, database)
            self._create_admin()
        except BaseException:
            if static:
                children.end([static.child])
            raise
        if static:
            self._finish_static_files(static)

    def _run(self, step: Step) -> None:
        child = children.spawn([*MANAGE, *step.arguments], environment=ENVIRONMENT)
        code = children.wait(child, stopping=self._stopping)
        if code:
            command = " ".join(("manage.py", *step.arguments))
            raise DemoError(f"{command} failed: see its message above; make demo goes on from here")

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        needed = executor.migration_plan(executor.loader.graph.leaf_nodes())
        connection.close()
        if needed:
            with timed("the database's tables"):
                self._run(Step("the database's tables", ("migrate", "--noinput", "--verbosity", "0")))

    def _database_mark(self) -> str:
        """Tells this database from one that was made anew: the moment of its first migration."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT min(applied)::text FROM django_migrations")
            mark = str(cursor.fetchone()[0])
        connection.close()  # the steps take minutes, in which Postgres may be restarted
        return mark

    def _create_admin(self) -> None:
        """The password is made once; an administrator whom somebody has changed or removed stays so."""
        database = self._database_mark()
        if self._marked("admin") != database:
            users = get_user_model().objects
            if not users.filter(username=ADMIN).exists():
                password = admin_password()
                users.create_superuser(username=ADMIN, email="admin@example.com", password=password)
            self._mark("admin", database)
        connection.close()

    def _start_collecting_static_files(self) -> StaticFiles | None:
        """Runs beside the other steps: it needs no database, and they leave time on the second core."""
        fingerprint = static_fingerprint()
        manifest = settings.STATIC_ROOT / "staticfiles.json"
        if self._marked("collectstatic") == fingerprint and manifest.exists():
            return None
        command = [*MANAGE, "collectstatic", "--noinput", "--clear", "--verbosity", "0"]
        log = settings.VAR_DIR / "logs" / "collectstatic.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            child = children.spawn(command, environment=ENVIRONMENT, stdout=output, stderr=output)
        return StaticFiles(child, fingerprint, log)

    def _finish_static_files(self, static: StaticFiles) -> None:
        began = time.monotonic()
        if children.wait(static.child, stopping=self._stopping):
            reason = (static.log.read_text(errors="replace").strip().splitlines() or ["no message"])[-1]
            raise DemoError(f"collecting the static files failed: {reason}")
        self._mark("collectstatic", static.fingerprint)
        if (waited := time.monotonic() - began) > 0.1:
            say_seconds("waited for style sheets and scripts", waited)

    def _marked(self, name: str) -> str:
        path = self._marks / name
        return path.read_text() if path.exists() else ""

    def _mark(self, name: str, content: str) -> None:
        (self._marks / name).write_text(content)


def admin_password() -> str:
    """72 random bits: short enough to be typed."""
    return secret(settings.VAR_DIR, "admin_password", size=9)


def static_fingerprint() -> str:
    """Changes when any static file of any app does."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            state = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@contextmanager
def timed(title: str) -> Iterator[None]:
    print(f"         … {title}", flush=True)
    started = time.monotonic()
    yield
    say_seconds(title, time.monotonic() - started)


def say_seconds(title: str, seconds: float) -> None:
    print(f"{seconds:7.1f} s  {title}", flush=True)
