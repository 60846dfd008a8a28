"""Secrets made once and kept under var/secrets, readable by the owner alone."""

import os
import secrets
from pathlib import Path


def secret(var: Path, name: str, *, size: int = 48) -> str:
    """The secret of that name, made on first use of ``size`` random bytes; racers agree on one."""
    folder = var / "secrets"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        candidate = folder / f".{name}.{os.getpid()}"
        candidate.touch(mode=0o600)
        candidate.write_text(secrets.token_urlsafe(size))
        try:
            os.link(candidate, path)
        except FileExistsError:
            pass
        finally:
            candidate.unlink()
    return path.read_text()
