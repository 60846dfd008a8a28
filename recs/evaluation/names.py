"""Names of recommenders as an option gives them."""

from __future__ import annotations

from collections.abc import Collection


class NamesError(ValueError):
    """The option names what is not known; the message says what is."""


def names_of(given: str, known: Collection[str], *, option: str) -> list[str]:
    """``all``, or names with commas between; each once, in the order given. Raises NamesError."""
    if given.strip() == "all":
        return list(known)
    names = list(dict.fromkeys(name.strip() for name in given.split(",")))
    if unknown := [name or "''" for name in names if name not in known]:
        raise NamesError(f"{option}: unknown {', '.join(unknown)}; known are {', '.join(known)}")
    return names
