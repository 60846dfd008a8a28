"""Figures as JSON, in a file or on standard output."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from recs.engine.sequences import SequenceData


class WriteError(Exception):
    """The figures cannot be written; the message says where and why."""


def check_target(target: str | None) -> None:
    """Before hours of training: None for nowhere, - for standard output. Raises WriteError."""
    if target is not None and target != "-":
        check_file(target, option="--json")


def check_file(target: str, *, option: str) -> None:
    """Whether a file may be written there. Raises WriteError, which names the ``option``."""
    path = Path(target).absolute()
    if not path.parent.is_dir():
        raise WriteError(f"{option} {target}: its folder does not exist")
    if path.is_dir():
        raise WriteError(f"{option} {target}: that is a folder, expected a file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise WriteError(f"{option} {target}: it may not be written")


def write_json(report: dict[str, Any], target: str | None) -> None:
    """Raises WriteError."""
    if target is None:
        return
    text = json.dumps(report, indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text)
    except OSError as failure:
        raise WriteError(f"--json {target}: {failure.strerror}") from failure


def described(data: SequenceData) -> dict[str, Any]:
    return {
        "dataset": data.name,
        "users": len(data.sequences),
        "items": data.items.count,
        "interactions": sum(len(row) for row in data.sequences),
    }
