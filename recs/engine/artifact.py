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
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

FORMAT = 2
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
    """Writes all or nothing; returns the manifest's SHA-256.

    An older artifact in that folder is replaced: who is killed between the two names that this takes leaves it beside,
    as ``.folder.PID.old``, and nothing in its place.
    """
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    replaced = folder.with_name(f".{folder.name}.{os.getpid()}.old")
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
    # The database will say that this artifact exists: it must also after a power cut.
    for path in (partial / ARRAYS, partial / MANIFEST, partial):
        _to_disk(path)
    if folder.exists():
        # Somebody killed may have had the same number, as in containers.
        shutil.rmtree(replaced, ignore_errors=True)
        folder.replace(replaced)
    partial.replace(folder)
    _to_disk(folder.parent)
    shutil.rmtree(replaced, ignore_errors=True)
    return digest


def read_artifact(
    folder: Path, *, recommender: str | None = None, sha256: str | None = None, prefix: str = ""
) -> Artifact:
    """Raises ArtifactError unless the artifact is whole, of this format, and what was asked for.

    ``sha256``: of the manifest, as ``write_artifact`` returned it and the database keeps it. ``prefix``: only
    arrays whose names begin so are loaded; the whole file is checked all the same.
    """
    manifest = _manifest(folder / MANIFEST, sha256)
    if recommender and manifest["recommender"] != recommender:
        raise ArtifactError(
            f"{folder / MANIFEST} is a {manifest['recommender']!r}, expected a {recommender!r}"
        )
    path = folder / ARRAYS
    try:
        if _sha256(path) != manifest["files"][ARRAYS]:
            raise ArtifactError(f"{path} is damaged: its SHA-256 differs from the manifest's")
        with safe_open(path, framework="numpy") as file:
            names = [name for name in list(file.keys()) if name.startswith(prefix)]
            arrays = {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing") from None
    except (SafetensorError, OSError) as failure:
        raise ArtifactError(f"{path} cannot be read: {failure}") from failure
    return Artifact(manifest["recommender"], manifest["config"], arrays)


def array(artifact: Artifact, name: str) -> np.ndarray:
    """Raises ArtifactError where the artifact lacks it."""
    if name not in artifact.arrays:
        raise ArtifactError(f"the artifact of {artifact.recommender} has no array {name!r}")
    return artifact.arrays[name]


def _manifest(path: Path, sha256: str | None) -> dict[str, Any]:
    try:
        text = path.read_bytes()
        manifest = json.loads(text)
    except FileNotFoundError:
        raise ArtifactError(f"{path.parent} holds no {MANIFEST}: not an artifact, or removed") from None
    except OSError as failure:
        raise ArtifactError(f"{path} cannot be read: {failure.strerror}") from failure
    except (ValueError, RecursionError) as failure:
        raise ArtifactError(f"{path} is not JSON: {failure}") from failure
    if sha256 is not None and hashlib.sha256(text).hexdigest() != sha256:
        raise ArtifactError(f"{path} is not the manifest that was published: its SHA-256 differs")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise ArtifactError(f"{path} has format {found!r}, this program reads format {FORMAT}")
    for key, kind in (("recommender", str), ("config", dict), ("files", dict)):
        if not isinstance(manifest.get(key), kind):
            raise ArtifactError(f"{path}: {key} is missing or not a {kind.__name__}")
    if ARRAYS not in manifest["files"]:
        raise ArtifactError(f"{path} names no {ARRAYS}")
    return manifest


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
