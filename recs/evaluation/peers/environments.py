"""A virtual environment for each library, made once: what the peers need never meets what the shop needs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class PeerEnvironmentError(Exception):
    """It cannot be made; the message says why in one line."""


def interpreter(name: str, requirements: Path, folder: Path) -> Path:
    """The Python of the environment ``name`` under ``folder``, made where missing. Raises PeerEnvironmentError.

    Its folder carries a hash of what it holds, so that other requirements make another. It is built beside its
    place and renamed when whole: a run that is interrupted leaves nothing that looks finished.
    """
    needs = requirements.read_bytes() + sys.version.encode()
    place = folder / f"{name}-{hashlib.sha256(needs).hexdigest()[:12]}"
    python = place / "bin" / "python"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f"{name}.lock"):
            if not python.exists():
                _remove_others(name, folder)
                _build(requirements, place)
    except OSError as failure:
        raise PeerEnvironmentError(f"{place}: {failure.strerror}") from failure
    return python


def _build(requirements: Path, place: Path) -> None:
    partial = place.with_name(f"{place.name}.partial")
    try:
        _run([sys.executable, "-m", "venv", str(partial)])
        pip = [str(partial / "bin" / "python"), "-m", "pip", "install", "-q", "--no-compile"]
        _run([*pip, "--disable-pip-version-check", "--no-input", "-r", str(requirements)])
        os.rename(partial, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _remove_others(name: str, folder: Path) -> None:
    """Of earlier requirements, and what a kill -9 left half built."""
    for other in folder.glob(f"{name}-*"):
        shutil.rmtree(other, ignore_errors=True)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerEnvironmentError(last_line(done.stderr or done.stdout) or f"{command[0]} failed")


def last_line(text: str) -> str:
    """Of an error output: the last line of pip's that says ERROR, otherwise the last that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or [""])[-1][:300]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two runs do not build the same environment: the second waits and finds it made."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
