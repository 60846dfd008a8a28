"""Secrets made once and kept under var/secrets, readable by the owner alone."""

import contextlib
import os
import secrets
from pathlib import Path

from config.embedded import ServiceError


def secret(var: Path, name: str, *, size: int = 48) -> str:
    """The secret of that name, made on first use of ``size`` random bytes; racers agree on one.

    Raises ServiceError where it can be neither read nor kept.
    """
    folder = var / "secrets"
    path = folder / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(folder, name, secrets.token_urlsafe(size))
        return path.read_text()
    except OSError as failure:
        raise ServiceError(
            f"secrets cannot be kept in {folder} ({failure.strerror}): mend that, or set ATTUNE_VAR to your own folder"
        ) from None


def _make(folder: Path, name: str, value: str) -> None:
    candidate = folder / f".{name}.{os.getpid()}"
    try:
        candidate.touch(mode=0o600)
        candidate.write_text(value)
        with contextlib.suppress(FileExistsError):
            os.link(candidate, folder / name)
    finally:
        candidate.unlink(missing_ok=True)
