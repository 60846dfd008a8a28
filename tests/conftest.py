"""What tests share: the embedded Postgres and Redis, real workers and servers, and a browser."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from playwright.sync_api import Browser, Page, sync_playwright

from config import services
from recs.wake import AWAKE_KEY, DIRTY_KEY
from tests.browser import chromium
from tests.processes import TestProcess, answers, free_port, python_process

KEYS = ("realtime", "default", "training", "unacked", "unacked_index", DIRTY_KEY, AWAKE_KEY)
"""All that the project writes into Redis. A mark that outlives its message would keep the next test's worker
asleep."""
SLOW = (
    "browser",
    "contracts",
    "paths",
    "recs/engine/recommenders",
    "recs/engine/transformer",
    "recs/evaluation",
    "recs/feed/test_reasons.py",
    "recs/test_import_online_retail.py",
)
"""Folders and files of whole paths, browsers, trainings and other programs, which ``make test-fast`` leaves out."""

WorkerStarter = Callable[..., TestProcess]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lies there is slow whether it says so or not."""
    places = [Path(__file__).parent / place for place in SLOW]
    for item in items:
        if any(item.path.is_relative_to(place) for place in places):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Each process of tests takes a state folder, and so servers, of its own, and one core."""
    if "REDIS_URL" in os.environ:
        raise pytest.UsageError(
            'several processes of tests cannot share REDIS_URL: add ARGS="-n 0", or unset it'
        )
    os.environ.pop("ATTUNE_VAR", None)
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def running_services() -> Iterator[services.Services]:
    """Postgres and Redis for the length of the run; commits are not flushed to disk, for speed."""
    addresses = {"database_url": settings.DATABASE_URL, "redis_url": settings.REDIS_URL}
    embedded = services.embedded_ones(settings.VAR_DIR, **addresses)
    with services.running(settings.VAR_DIR, **embedded, durable=False) as up:
        yield up


@pytest.fixture(scope="session")
def django_db_modify_db_settings(running_services: services.Services) -> None:
    """pytest-django asks for this before it makes the test database."""


@pytest.fixture(scope="session", autouse=True)
def empty_tables_that_refer_to_others() -> Iterator[None]:
    """After a test with real commits Django truncates the tables it manages; the two vector tables, which it
    does not, refer to some of those, so Postgres wants CASCADE."""
    original = DatabaseOperations.sql_flush

    def with_cascade(self, style, tables, *, reset_sequences=False, allow_cascade=False):
        return original(self, style, tables, reset_sequences=reset_sequences, allow_cascade=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", with_cascade)
        yield


@pytest.fixture
def redis_client(running_services: services.Services) -> Iterator[redis.Redis]:
    """A client of the real queue, which is empty at the start."""
    with contextlib.closing(redis.Redis.from_url(settings.REDIS_URL)) as client:
        client.delete(*KEYS)
        yield client


@pytest.fixture(scope="session")
def process_environment(django_db_setup: None) -> dict[str, str]:
    """The environment in which a process of the project uses the test database."""
    address = urlsplit(settings.DATABASE_URL)
    name = quote(connection.settings_dict["NAME"], safe="")
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "ATTUNE_VAR": str(settings.VAR_DIR),
        "DATABASE_URL": urlunsplit(address._replace(path=f"/{name}")),
        "REDIS_URL": settings.REDIS_URL,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def celery_worker_process(
    transactional_db: None,
    redis_client: redis.Redis,
    process_environment: dict[str, str],
    tmp_path: Path,
) -> Iterator[WorkerStarter]:
    """Starts real Celery workers on the test database: ``celery_worker_process("realtime", "default")``.

    Returns once the worker takes tasks. Killing it is the returned process's ``kill()``.
    """
    with contextlib.ExitStack() as stack:

        def start(*queues: str) -> TestProcess:
            name = "-".join(queues)
            arguments = ["-m", "celery", "-A", "config", "worker", "-Q", ",".join(queues), "-n", f"{name}@%h"]
            arguments += ["-c", "1", "-l", "INFO", "--without-gossip", "--without-mingle"]
            log = tmp_path / f"worker-{name}-{len(list(tmp_path.glob('worker-*')))}.log"
            worker = stack.enter_context(python_process(arguments, log=log, environment=process_environment))
            worker.wait_for(lambda: " ready." in worker.output(), what=f"starting the {name} worker")
            return worker

        yield start


@pytest.fixture(scope="session")
def server_process(
    process_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestProcess, str]]:
    """One gunicorn for the run, on a free port and the test database."""
    port = free_port()
    arguments = ["-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"]
    arguments += ["--threads", "8", "--access-logfile", "-", "--graceful-timeout", "3", "--no-control-socket"]
    log = tmp_path_factory.mktemp("server") / "gunicorn.log"
    with python_process(arguments, log=log, environment=process_environment) as process:
        url = f"http://127.0.0.1:{port}"
        process.wait_for(lambda: answers(f"{url}/healthz"), what="starting gunicorn")
        yield process, url


@pytest.fixture
def server(server_process: tuple[TestProcess, str], transactional_db: None) -> str:
    """The address of a real server on the test database, whose rows are committed: no slash at its end."""
    return server_process[1]


@pytest.fixture
def live_url(server: str) -> str:
    """The same, under the name that browser tests use."""
    return server


@pytest.fixture(scope="session")
def browser(process_environment: dict[str, str]) -> Iterator[Browser]:
    """A Chromium without a window. Tests never skip for want of one: they fail and say what to install."""
    try:
        program = chromium.provide()
    except chromium.NoBrowser as failure:
        pytest.fail(str(failure), pytrace=False)
    # Playwright keeps an event loop in this thread, which Django takes for an asynchronous caller.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=chromium.launch_flags())
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Browser, live_url: str) -> Iterator[Page]:
    """A fresh browser profile on the shop. Errors in its console, or a 5xx, fail the test at its end."""
    complaints: list[str] = []
    context = browser.new_context(base_url=live_url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    page.on(
        "response", lambda got: complaints.append(f"{got.status} {got.url}") if got.status >= 500 else None
    )
    yield page
    context.close()
    assert complaints == []
