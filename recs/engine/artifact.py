"""A fitted recommender on disk: arrays as safetensors, and a manifest that says what they must be.

Reading never unpickles anything, and refuses what is damaged, incomplete, of another format or another kind.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

FORMAT = 1
"""Grows when an older reader would misread a newer artifact."""
MANIFEST = "manifest.json"
ARRAYS = "arrays.safetensors"


class ArtifactError(Exception):
    """An artifact that must not be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """``arrays`` by name, and the ``config`` that rebuilds the recommender around them."""

    recommender: str
    config: dict[str, Any]
    arrays: dict[str, np.ndarray]


def write_artifact(folder: Path, artifact: Artifact) -> str:
    """Writes all or nothing; returns the manifest's SHA-256. An older artifact in that folder is replaced."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(
        {name: np.ascontiguousarray(array) for name, array in artifact.arrays.items()}, partial / ARRAYS
    )
    manifest = {
        "format": FORMAT,
        "recommender": artifact.recommender,
        "config": artifact.config,
        "files": {ARRAYS: _sha256(partial / ARRAYS)},
    }
    (partial / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True))
    digest = _sha256(partial / MANIFEST)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return digest


def read_artifact(folder: Path, *, recommender: str | None = None, sha256: str | None = None) -> Artifact:
    """Raises ArtifactError unless the artifact is whole, of this format, and what was asked for.

    ``sha256``: of the manifest, as ``write_artifact`` returned it and the database keeps it.
    """
    path = folder / MANIFEST
    try:
        text = path.read_bytes()
        manifest = json.loads(text)
    except FileNotFoundError:
        raise ArtifactError(f"{folder} holds no {MANIFEST}: not an artifact, or removed") from None
    except ValueError as failure:
        raise ArtifactError(f"{path} is not JSON: {failure}") from failure
    if sha256 and hashlib.sha256(text).hexdigest() != sha256:
        raise ArtifactError(f"{path} is not the manifest that was published: its SHA-256 differs")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise ArtifactError(f"{path} has format {found!r}, this program reads format {FORMAT}")
    if recommender and manifest.get("recommender") != recommender:
        raise ArtifactError(f"{path} is a {manifest.get('recommender')!r}, expected a {recommender!r}")
    for name, digest in manifest.get("files", {}).items():
        if not (folder / name).is_file():
            raise ArtifactError(f"{folder / name} is missing")
        if _sha256(folder / name) != digest:
            raise ArtifactError(f"{folder / name} is damaged: its SHA-256 differs from the manifest's")
    if ARRAYS not in manifest.get("files", {}):
        raise ArtifactError(f"{path} names no {ARRAYS}")
    try:
        arrays = load_file(folder / ARRAYS)
    except SafetensorError as failure:
        raise ArtifactError(f"{folder / ARRAYS} cannot be read: {failure}") from failure
    return Artifact(str(manifest["recommender"]), dict(manifest["config"]), arrays)


def array(artifact: Artifact, name: str) -> np.ndarray:
    """Raises ArtifactError where the artifact lacks it."""
    if name not in artifact.arrays:
        raise ArtifactError(f"the artifact of {artifact.recommender} has no array {name!r}")
    return artifact.arrays[name]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
