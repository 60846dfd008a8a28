"""Search queries as vectors without a model: a table of word vectors distilled from the text encoder.

Importing the encoder takes 4 s and 400 MB, which no web process should spend. Every whole word of its
vocabulary is encoded once, alone; a query is the weighted mean of its words, rare words more (smooth
inverse frequency, Arora et al. 2017; distillation after Model2Vec, van Dongen and Tulkens 2024). Reading the
table takes some 20 ms, a query a tenth of one, and numpy is all it needs.
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
LONGEST_QUERY = 200
"""Characters that are read: nobody searches for more."""
SIF = 1e-2
"""The a of a / (a + p(word)). Overlap of the ten best products with the model's own ranking, 400 queries of one
to three words from product names: 0.698 for 3e-4, 0.725 for 1e-3, 0.757 for 3e-3, 0.779 for 1e-2, 0.778 for no
weights. Taking the shop's mean word away lowered each of them (0.671 at 1e-2), and so did a linear map fitted
from the table's vectors of names to the model's (0.747)."""
SHORTEST_PIECE = 3
"""Letters of a part that an unknown word is read by: shorter ones mean nothing alone."""


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
        self._sif: float = vocabulary.get("sif", 0.0)
        self._place = {word: place for place, word in enumerate(vocabulary["words"])}
        self._weight = np.array(vocabulary["weights"], dtype=np.float32)

    def covers(self, encoder: str, corpus: Iterable[str]) -> bool:
        """Whether the table is this encoder's, weighed as now, and knows every word of these texts."""
        if (encoder, SIF) != (self.name, self._sif):
            return False
        return all(word in self._place for text in corpus for word in words(text))

    def encode(self, query: str) -> FloatArray | None:
        """float32 unit vector [d]; None if no word of the query is known."""
        places = [self._place[part] for word in words(query[:LONGEST_QUERY]) for part in self._parts(word)]
        if not places:
            return None
        weights = self._weight[places]
        return unit((weights[:, None] * self._vectors[places].astype(np.float32)).sum(axis=0))

    def vector(self, word: str) -> FloatArray | None:
        """The word as the text encoder has it, float32 [d]."""
        place = self._place.get(word)
        return None if place is None else self._vectors[place].astype(np.float32)

    def _parts(self, word: str) -> list[str]:
        """The word; or the longest known words that an unknown one is made of, read from its beginning.

        An ending of up to two letters may be left over, so ``teapoty`` is a teapot; else the word is nonsense,
        and has no parts.
        """
        if word in self._place:
            return [word]
        parts: list[str] = []
        start = 0
        while start <= len(word) - SHORTEST_PIECE:
            ends = range(len(word), start + SHORTEST_PIECE - 1, -1)
            end = next((end for end in ends if word[start:end] in self._place), None)
            if end is None:
                return []
            parts.append(word[start:end])
            start = end
        return parts


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
    """Writes the table for these words, and those of the corpus; returns their number. Who is killed between two names
    leaves none.

    ``corpus``: the shop's own texts, whose word counts weigh the words. Words that a table of the same encoder
    has already are not encoded again.
    """
    counts: dict[str, int] = {}
    for text in corpus:
        for word in words(text):
            counts[word] = counts.get(word, 0) + 1
    chosen = sorted({word for word in vocabulary if WORD.fullmatch(word)} | set(counts))
    vectors = _vectors(encoder, chosen, folder, progress)
    total = max(1, sum(counts.values()))
    weights = np.array([SIF / (SIF + counts.get(word, 0) / total) for word in chosen], dtype=np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    table = {
        "encoder": encoder.name,
        "words": chosen,
        "weights": weights.round(6).tolist(),
        "sif": SIF,
    }
    partial, named = folder / f".vectors.{os.getpid()}.npy", folder / f".words.{os.getpid()}.json"
    try:
        np.save(partial, vectors.astype(np.float16))
        named.write_text(json.dumps(table))
        # The words go first and come last: without them there is no table, and with them it is whole.
        (folder / "words.json").unlink(missing_ok=True)
        partial.replace(folder / "vectors.npy")
        named.replace(folder / "words.json")
    finally:
        partial.unlink(missing_ok=True)
        named.unlink(missing_ok=True)
    return len(chosen)


def _vectors(
    encoder: Encodes, chosen: list[str], folder: Path, progress: Callable[[float], None] | None
) -> FloatArray:
    """float32 [words, d] in the order of ``chosen``."""
    try:
        table = QueryEncoder(folder)
        known = {} if table.name != encoder.name else {word: table.vector(word) for word in chosen}
    except QueryTableMissing:
        known = {}
    fresh = [word for word in chosen if known.get(word) is None]
    known |= dict(zip(fresh, encoder.encode(fresh, progress=progress), strict=True))
    return np.stack([vector for word in chosen if (vector := known[word]) is not None])
