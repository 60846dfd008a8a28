"""What a training that was killed goes on from: one file in a folder, whole or the one before."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

logger = logging.getLogger(__name__)

FILE = "checkpoint.pt"
SELDOM = 60.0
"""Seconds, at least, between states within an epoch: what a kill may cost."""
FORMAT = 2
"""Of what is saved: one more whenever towers, networks or what stands beside them change, so that what an older code
began begins anew."""
SHARE = 20.0
"""Of the seconds that saving takes: a large model is saved as seldom as that costs a twentieth."""


class Checkpoint:
    """Of one training; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, fingerprint: str) -> None:
        """``fingerprint``: a checkpoint of other data, another seed or other settings is not gone on from."""
        self.folder = folder
        self.fingerprint = fingerprint
        self.pause, self.saved = SELDOM, time.monotonic()

    def due(self) -> bool:
        """Whether so much was done since it was saved last that it is worth saving again."""
        return self.folder is not None and time.monotonic() - self.saved >= self.pause

    def save(self, state: dict[str, Any]) -> None:
        """Atomic: a run after kill -9 finds this state or the one before, whole."""
        if self.folder is None:
            return
        began = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{FILE}"
        with partial.open("wb") as file:
            torch.save({"fingerprint": self.fingerprint, "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / FILE)
        self.saved = time.monotonic()
        self.pause = max(SELDOM, SHARE * (self.saved - began))

    def load(self) -> dict[str, Any] | None:
        """What was saved last of this very training, if it is there and can be read; code in it is not run."""
        if self.folder is None or not (self.folder / FILE).exists():
            return None
        path = self.folder / FILE
        try:
            saved = torch.load(path, weights_only=True)
            state: dict[str, Any] = saved["state"]
            return state if saved["fingerprint"] == self.fingerprint else None
        except Exception as failure:
            # Of a damaged file any part of the reader may trip over anything.
            logger.warning("%s cannot be read, the training begins anew: %s", path, failure)
            return None


def fingerprint(*parts: object) -> str:
    """SHA-256 of arrays by their content, and of all else by how it is written."""
    digest = hashlib.sha256(str(FORMAT).encode())
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(repr((part.dtype, part.shape)).encode())
            digest.update(part.tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()
