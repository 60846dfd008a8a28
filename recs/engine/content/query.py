"""Search queries as vectors without a model: a table of word vectors distilled from the text encoder.

Importing the encoder takes 4 s and 400 MB, which no web process should spend. Every whole word of its
vocabulary is encoded once, alone; a query is the weighted mean of its words, rare words more (smooth
inverse frequency, Arora et al. 2017; distillation after Model2Vec, van Dongen and Tulkens 2024). Reading the
table takes milliseconds, a query microseconds, and numpy is all it needs.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from recs.engine.content import unit
from recs.engine.interactions import FloatArray

WORD = re.compile(r"[a-z0-9]+")
SIF = 1e-3
"""The a of a / (a + p(word)): usual values are 1e-4 to 1e-3; the shop's texts are short, so stop words matter less."""


class Encodes(Protocol):
    name: str

    def encode(
        self, inputs: Sequence[str], *, progress: Callable[[float], None] | None = None
    ) -> FloatArray: ...


class QueryTableMissing(FileNotFoundError):
    """No table was distilled yet; search does with full text until one is."""


class QueryEncoder:
    """Reads the table that ``distil`` wrote. Immutable, so threads share it."""

    def __init__(self, folder: Path) -> None:
        """Raises QueryTableMissing."""
        try:
            vocabulary = json.loads((folder / "words.json").read_text())
            self._vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise QueryTableMissing(f"{folder} holds no table of query words") from None
        self.name: str = vocabulary["encoder"]
        self._place = {word: place for place, word in enumerate(vocabulary["words"])}
        self._weight = np.array(vocabulary["weights"], dtype=np.float32)
        self._mean = np.array(vocabulary["mean"], dtype=np.float32)

    def covers(self, encoder: str, corpus: Iterable[str]) -> bool:
        """Whether the table is this encoder's and knows every word of these texts."""
        return encoder == self.name and all(word in self._place for text in corpus for word in words(text))

    def encode(self, query: str) -> FloatArray | None:
        """float32 unit vector [d]; None if no word of the query is known."""
        places = [self._place[word] for word in words(query) if word in self._place]
        if not places:
            return None
        weights = self._weight[places]
        mean = (weights[:, None] * self._vectors[places].astype(np.float32)).sum(axis=0) / weights.sum()
        return unit(mean - self._mean)


def words(text: str) -> list[str]:
    """Lower-case words; a plural counts as written, since the table holds both."""
    return WORD.findall(text.lower())


def distil(
    encoder: Encodes,
    vocabulary: Iterable[str],
    corpus: Iterable[str],
    folder: Path,
    *,
    progress: Callable[[float], None] | None = None,
) -> int:
    """Writes the table for these words, and those of the corpus, all or nothing; returns their number.

    ``corpus``: the shop's own texts, whose word counts weigh the words.
    """
    counts: dict[str, int] = {}
    for text in corpus:
        for word in words(text):
            counts[word] = counts.get(word, 0) + 1
    chosen = sorted({word for word in vocabulary if WORD.fullmatch(word)} | set(counts))
    vectors = encoder.encode(chosen, progress=progress)
    total = max(1, sum(counts.values()))
    weights = np.array([SIF / (SIF + counts.get(word, 0) / total) for word in chosen], dtype=np.float32)
    seen = np.array([counts.get(word, 0) for word in chosen], dtype=np.float32)
    mean = (seen @ vectors) / max(1.0, float(seen.sum()))
    folder.mkdir(parents=True, exist_ok=True)
    table = {
        "encoder": encoder.name,
        "words": chosen,
        "weights": weights.round(6).tolist(),
        "mean": (COMMON_SHARE * mean).round(6).tolist(),
    }
    partial = folder / f".vectors.{os.getpid()}.npy"
    np.save(partial, vectors.astype(np.float16))
    # The words come last: without them there is no table, and with them it is whole.
    (folder / "words.json").unlink(missing_ok=True)
    partial.replace(folder / "vectors.npy")
    named = folder / f".words.{os.getpid()}.json"
    named.write_text(json.dumps(table))
    named.replace(folder / "words.json")
    return len(chosen)


COMMON_SHARE = 0.0
"""How much of the shop's mean word is taken away from a query; see measure_queries for what was tried."""
