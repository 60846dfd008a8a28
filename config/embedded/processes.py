"""Questions about processes and files that the embedded servers share."""

import os
import shutil
from pathlib import Path

import psutil

from config.embedded import ServiceError

SOCKET_PATH_LIMIT = 103
"""Bytes that a unix socket's path may have: 107 on Linux, 103 on macOS."""


def alive(pid: int) -> bool:
    """False for a process that has ended, also where nobody has collected its exit status."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def runs_program(pid: int, *, name: str, folder: Path | None = None) -> bool:
    """Whether ``pid`` is a live process of that program name (and working folder, where it can be read).

    Pid files survive a crash or a restarted container, and their number may then belong to anything.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith(name):
            return False
        return folder is None or Path(process.cwd()) == folder
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def last_complaint(log: Path, offset: int) -> str:
    """The last line with FATAL, PANIC or error that a server wrote into its log after ``offset`` bytes."""
    try:
        with log.open("rb") as file:
            file.seek(offset)
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "rror", "No space"))]
    return (telling or lines or [""])[-1].strip()


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def require_free_space(folder: Path, *, gigabytes: float, what: str) -> None:
    """Raises ServiceError if the disk of ``folder`` (or of its nearest parent that exists) has less free."""
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if free < gigabytes:
        raise ServiceError(f"disk full: {what} needs {gigabytes:g} GB under {folder}, {free:.1f} GB are free")


def require_writable(folder: Path) -> None:
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    if not os.access(existing, os.W_OK):
        raise ServiceError(f"{existing} cannot be written: set ATTUNE_VAR to a folder that belongs to you")
