"""Which model version is active, and its towers in memory. Every reader of models passes through here."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from recs.models import ModelVersion
from recs.second_stage_weights import second_stage_weights

if TYPE_CHECKING:
    from recs.engine.interactions import IntArray
    from recs.engine.served import ServedRecommender
    from recs.engine.transformer.ensemble import ItemTowers, UserTowers

logger = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")

KEPT = 2
"""Versions whose towers a process holds: the active one, and the one before, which is warm for a roll-back."""
KEPT_RECOMMENDERS = 1
"""Recommenders that a web process holds: each takes a hundred megabytes, and a roll-back waits a blink for it."""
SERVED = "served"
"""Folder, in a version's own, of the recommender that ranks in place of the vectors."""


@dataclass(frozen=True, slots=True)
class ActiveVersion:
    """What a request needs to know of a version; read once per request and passed on.

    ``served_sha256`` is empty where the vectors themselves rank.
    """

    id: int
    name: str
    recommender: str
    dimension: int
    artifact: Path
    manifest_sha256: str
    served_sha256: str = ""


def active_version() -> ActiveVersion | None:
    """The version that serves, by one query; None before the first is published."""
    return _first(ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE))


def version_for_serving(version: ModelVersion) -> ActiveVersion:
    """The same view of any version."""
    return ActiveVersion(
        id=version.pk,
        name=version.name,
        recommender=version.recommender,
        dimension=version.dimension,
        artifact=artifact_folder(version.artifact),
        manifest_sha256=version.manifest_sha256,
        served_sha256=version.served_sha256,
    )


def config_of(version: ActiveVersion) -> dict[str, Any]:
    """What was noted when it was trained, by one query."""
    config: dict[str, Any] = ModelVersion.objects.values_list("config", flat=True).get(pk=version.id)
    return config


def served_versions() -> list[ActiveVersion]:
    """The active version and the warm ones, newest first: those in which new products must be placed."""
    kept = ModelVersion.objects.filter(status__in=[ModelVersion.Status.ACTIVE, ModelVersion.Status.READY])
    return [version_for_serving(version) for version in kept.order_by("-created_at")]


def artifact_folder(name: str) -> Path:
    return Path(settings.ARTIFACT_DIR) / name


def load_encoder(version: ActiveVersion) -> UserTowers:
    """The user tower of a version. Raises ArtifactError if its files are missing, damaged or of another model."""
    return _user_towers.get(version.id, lambda: _read_user_tower(version))


def load_item_tower(version: ActiveVersion) -> ItemTowers:
    """The item tower of a version, to place products that came later. Raises ArtifactError."""
    return _item_towers.get(version.id, lambda: _read_item_tower(version))


def load_trained_products(version: ActiveVersion) -> IntArray:
    """Keys of the products that the version learnt a place for. Raises ArtifactError."""
    from recs.engine.transformer.packed_towers import load_trained_ids

    return _trained_products.get(
        version.id, lambda: load_trained_ids(version.artifact, sha256=version.manifest_sha256)
    )


def load_served(version: ActiveVersion) -> ServedRecommender | None:
    """What ranks in place of the vectors; None where they rank themselves, and where it cannot be loaded.

    That is logged once and not tried again in this process: the vectors of the same version serve instead.
    """
    if not version.served_sha256:
        return None
    return _served.get(version.id, lambda: _read_served_or_log(version))


def read_served(version: ActiveVersion) -> ServedRecommender | None:
    """As :func:`load_served`, read anew and for the caller alone. Raises ArtifactError."""
    from recs.engine.served import read_served

    if not version.served_sha256:
        return None
    served = read_served(
        version.artifact / SERVED, recommender=version.recommender, sha256=version.served_sha256
    )
    return served.mixed(second_stage_weights())


def warm_up(*, feeds: bool = False) -> None:
    """Loads what a first feed would wait for: called when a web or worker process starts.

    ``feeds``: also what only those need who make feeds, the web processes.
    """
    try:
        version = active_version()
        if version:
            load_encoder(version)
        if version and feeds:
            load_served(version)
    except Exception:
        logger.exception("the active model could not be loaded; feeds go on without it")
    finally:
        connection.close()


def _read_user_tower(version: ActiveVersion) -> UserTowers:
    from recs.engine.transformer.packed_towers import load_user_tower

    _one_thread()
    return load_user_tower(version.artifact, sha256=version.manifest_sha256)


def _read_item_tower(version: ActiveVersion) -> ItemTowers:
    from recs.engine.transformer.packed_towers import load_item_tower

    _one_thread()
    return load_item_tower(version.artifact, sha256=version.manifest_sha256)


def _read_served_or_log(version: ActiveVersion) -> ServedRecommender | None:
    from recs.engine.artifact import ArtifactError

    _one_thread()
    try:
        return read_served(version)
    except ArtifactError:
        logger.exception("the %s of version %s is left out of feeds", version.recommender, version.name)
        return None


def _one_thread() -> None:
    """Serving processes share the cores: more threads each would only wait for one another."""
    import torch

    torch.set_num_threads(1)


class _Cache(Generic[Loaded]):
    """What the newest few versions loaded; it never changes afterwards, so readers share it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: OrderedDict[int, Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, version_id: int, read: Callable[[], Loaded]) -> Loaded:
        try:
            return self._held[version_id]
        except KeyError:
            pass
        # One thread reads; the others wait for it instead of reading the same file again.
        with self._lock:
            if version_id not in self._held:
                self._held[version_id] = read()
                while len(self._held) > self._size:
                    self._held.popitem(last=False)
            return self._held[version_id]


_user_towers: _Cache[UserTowers] = _Cache(KEPT)
_item_towers: _Cache[ItemTowers] = _Cache(KEPT)
_trained_products: _Cache[IntArray] = _Cache(KEPT)
_served: _Cache[ServedRecommender | None] = _Cache(KEPT_RECOMMENDERS)


def _first(versions: QuerySet[ModelVersion]) -> ActiveVersion | None:
    version = versions.first()
    return version_for_serving(version) if version else None
