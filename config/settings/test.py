"""Settings of the test suite: the same parts, a state folder of its own, cheap password hashes."""

import fcntl
import os
from pathlib import Path
from typing import IO

_locks: list[IO[str]] = []
"""Held as long as this process lives."""


def _free_folder() -> Path:
    """``var/test``, or the next one that no other test run holds."""
    for number in range(1, 100):
        folder = Path(__file__).resolve().parents[2] / "var" / ("test" if number == 1 else f"test-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "tests.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            _locks.append(lock)
            return folder
    raise RuntimeError("99 test runs hold every var/test-* folder: end some")


if "ATTUNE_VAR" not in os.environ:
    os.environ["ATTUNE_VAR"] = str(_free_folder())

from config.settings.base import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # real servers of the tests serve the files as they lie in the tree
WHITENOISE_AUTOREFRESH = True  # else each test's client would read hundreds of files at its start
