"""What is asked of the options of trainings before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

LONGEST = 24 * 60
"""Minutes."""


class OptionError(ValueError):
    """An option that cannot be meant; the message says which, and what was expected."""


def names_of(given: str, known: Collection[str], *, option: str) -> list[str]:
    """``all``, or names with commas between; each once, in the order given. Raises OptionError."""
    if given.strip() == "all":
        return list(known)
    names = list(dict.fromkeys(name.strip() for name in given.split(",")))
    if unknown := [name or "''" for name in names if name not in known]:
        raise OptionError(f"{option}: unknown {', '.join(unknown)}; known are {', '.join(known)}")
    return names


def check_minutes(minutes: float) -> None:
    """Raises OptionError."""
    if not 0 < minutes <= LONGEST:
        raise OptionError(f"--minutes must lie above 0 and be at most {LONGEST}")


def check_seed(seed: int) -> None:
    """Raises OptionError."""
    if not 0 <= seed < 2**32:
        raise OptionError(f"--seed must be a whole number from 0 to {2**32 - 1}")


def check_folder(folder: str | None) -> None:
    """Makes the folder of checkpoints where it is not there yet. Raises OptionError."""
    if folder is None:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise OptionError(
            f"--resume {folder}: expected a folder that can be made: {failure.strerror}"
        ) from failure
    if not os.access(folder, os.W_OK):
        raise OptionError(f"--resume {folder}: it may not be written")
