"""The towers in a transformer's artifact: all of them, or those alone that a process needs."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from recs.engine.artifact import Artifact, ArtifactError, array, read_artifact
from recs.engine.interactions import IntArray
from recs.engine.transformer.ensemble import ItemTowers, UserTowers
from recs.engine.transformer.item_tower import ItemTower, ItemTowerConfig
from recs.engine.transformer.user_tower import UserTower, UserTowerConfig

Tower = TypeVar("Tower", bound=nn.Module)

NAME = "transformer"
ITEM_ARRAYS, USER_ARRAYS = "item.", "user."
"""How the names of a tower's arrays begin."""


def load_user_tower(folder: Path, *, sha256: str | None = None) -> UserTowers:
    """The user towers alone, ready to serve. Raises ArtifactError."""
    return packed_user_tower(read_artifact(folder, recommender=NAME, sha256=sha256, prefix=USER_ARRAYS))


def load_item_tower(folder: Path, *, sha256: str | None = None) -> ItemTowers:
    """The item towers alone, to place new products. Raises ArtifactError."""
    return packed_item_tower(read_artifact(folder, recommender=NAME, sha256=sha256, prefix=ITEM_ARRAYS))


def load_trained_ids(folder: Path, *, sha256: str | None = None) -> IntArray:
    """Ids of the items that had interactions in training. Raises ArtifactError."""
    artifact = read_artifact(folder, recommender=NAME, sha256=sha256)
    return array(artifact, "item_ids")[array(artifact, "trained")]


def packed_user_tower(artifact: Artifact) -> UserTowers:
    try:
        config = UserTowerConfig(**artifact.config["user"])
        towers = UserTowers([UserTower(config) for _ in range(artifact.config["members"])])
    except (KeyError, TypeError) as failure:
        raise ArtifactError(f"the artifact's configuration describes no user tower: {failure}") from failure
    return _filled(towers, artifact, USER_ARRAYS)


def packed_item_tower(artifact: Artifact) -> ItemTowers:
    try:
        parts = dict(artifact.config["item"])
        parts["price_bounds"] = tuple(parts["price_bounds"])
        config = ItemTowerConfig(**parts)
        towers = ItemTowers([ItemTower(config) for _ in range(artifact.config["members"])])
    except (KeyError, TypeError) as failure:
        raise ArtifactError(f"the artifact's configuration describes no item tower: {failure}") from failure
    return _filled(towers, artifact, ITEM_ARRAYS)


def _filled(tower: Tower, artifact: Artifact, prefix: str) -> Tower:
    arrays = {
        name.removeprefix(prefix): torch.from_numpy(array)
        for name, array in artifact.arrays.items()
        if name.startswith(prefix)
    }
    try:
        tower.load_state_dict(arrays)
    except RuntimeError as failure:
        raise ArtifactError(f"the artifact's arrays do not fit its configuration: {failure}") from failure
    return tower.eval()
