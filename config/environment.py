"""Reads settings from the environment. A bad value is told in one line, without a traceback. No Django in here."""

import math
import os
from collections.abc import Mapping

from config.embedded import ServiceError

YES = ("true", "yes", "on", "1")
NO = ("false", "no", "off", "0")


def text(name: str, *, default: str) -> str:
    """What is set; ``default`` also where it is set to nothing."""
    return os.environ.get(name, "").strip() or default


def whole_number(name: str, *, default: int, unit: str, least: int = 1) -> int:
    """Raises ServiceError unless it is a whole number from ``least`` on; ``unit`` is for that message."""
    value = text(name, default=str(default))
    try:
        number = int(value)
    except ValueError:
        raise _unexpected(name, value, f"a whole number of {unit}") from None
    if number < least:
        raise _unexpected(name, value, f"a whole number of {unit}, {least} or more")
    return number


def number(name: str, *, default: float, unit: str) -> float:
    """Raises ServiceError unless it is a number above 0; ``unit`` is for that message."""
    value = text(name, default=str(default))
    try:
        found = float(value)
    except ValueError:
        raise _unexpected(name, value, f"a number of {unit}") from None
    if not (math.isfinite(found) and found > 0):
        raise _unexpected(name, value, f"a number of {unit} above 0")
    return found


def shares(name: str, *, default: Mapping[str, float], least: float = -math.inf) -> dict[str, float]:
    """From ``word=number, word=number``: each word of ``default`` with what is set for it, else its own number.

    Raises ServiceError for another word and for what is no number from ``least`` on.
    """
    found = dict(default)
    for pair in filter(None, (part.strip() for part in text(name, default="").split(","))):
        word, _, share = (part.strip() for part in pair.partition("="))
        if word not in default:
            raise _unexpected(name, pair, f"word=number, the word one of {', '.join(default)}")
        try:
            found[word] = float(share)
        except ValueError:
            raise _unexpected(name, pair, "word=number") from None
        if not (math.isfinite(found[word]) and found[word] >= least):
            raise _unexpected(name, pair, "word=number" + ("" if least < 0 else f", {least:g} or more"))
    return found


def truth(name: str, *, default: bool) -> bool:
    """Raises ServiceError for anything but the words for yes and no, so that a slip of the pen is not a no."""
    value = text(name, default=str(default)).lower()
    if value not in YES + NO:
        raise _unexpected(name, os.environ[name], "true or false")
    return value in YES


def one_of(name: str, *, default: str, words: tuple[str, ...]) -> str:
    """In capitals; raises ServiceError for any other word."""
    value = text(name, default=default)
    if value.upper() not in words:
        raise _unexpected(name, value, f"one of {', '.join(words)}")
    return value.upper()


def _unexpected(name: str, value: str, expected: str) -> ServiceError:
    return ServiceError(f"{name} is {value!r}: expected {expected}")
