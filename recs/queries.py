"""Search queries as vectors in a web process: by a table of words, without torch (see recs/query_words.py)."""

from __future__ import annotations

import functools
from pathlib import Path

from django.conf import settings

from recs.engine.content.query import QueryEncoder, QueryTableMissing
from recs.engine.interactions import FloatArray


def query_vector(query: str) -> FloatArray | None:
    """float32 unit vector [d] in the space of the products' texts; None without a table or a known word."""
    folder = table_folder()
    try:
        written = (folder / "words.json").stat().st_mtime_ns
        return _encoder(folder, written).encode(query)
    except (QueryTableMissing, FileNotFoundError):
        return None


@functools.lru_cache(maxsize=1)
def _encoder(folder: Path, written: int) -> QueryEncoder:
    """Read again when a new table was written."""
    return QueryEncoder(folder)


def table_folder() -> Path:
    return Path(settings.ARTIFACT_DIR) / "queries"
