"""Steps 5 to 7 of the nightly path: publish a version, swap to it, retire the old ones; and the way back.

A version is built on tables and files that nobody reads, becomes *ready*, and then *active* in one
transaction. The one before stays *ready*, warm, for a roll-back; older ones are *retired*: row and figures
stay, vectors and files go.

What is published is the model that was evaluated, trained on the history up to the held-out slices. It is
not trained again on everything: nobody could say how good that one is.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Shopper
from catalog.models import Product
from recs import product_vectors, registry
from recs.engine.artifact import ArtifactError, write_artifact
from recs.engine.interactions import History
from recs.engine.recommenders.blending import normalised
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.second_stage.two_stages import TwoStages
from recs.engine.recommenders.transformer import Transformer
from recs.engine.served import ServedRecommender, write_served
from recs.engine.transformer.packed_towers import load_user_tower
from recs.models import ModelVersion
from recs.nightly.dataset import Dataset
from recs.second_stage_weights import second_stage_weights
from recs.shopper_vectors import encode_shoppers

logger = logging.getLogger(__name__)

Status = ModelVersion.Status
EMBED_MOST = 50_000
"""Shoppers embedded before the swap, those seen last first; the others are encoded when they come."""
EMBED_BATCH = 1_000
PLACED_AT_ONCE = 5_000
"""Products: their texts and pictures take 35 MB."""
COMPARED = 12
"""What was written must score as what was judged, for histories of 1 to so many products."""
SAME = 0.99
"""Share of the scores that must agree."""


class CannotActivate(Exception):
    """The version cannot serve; the message says why."""


class NotCompared(CannotActivate):
    """Another version is active than the one that it was to replace."""


def build_version(
    *,
    model: Transformer,
    dataset: Dataset,
    metrics: dict[str, Any],
    config: dict[str, Any],
    best: ScoringRecommender | None = None,
) -> ModelVersion:
    """Row, files, partition and index. The version is still *building*: nobody reads it.

    ``best`` ranks in place of the vectors of ``model``, which are published all the same: similar products,
    newcomers and the shoppers' vectors are theirs. So does ``model`` itself with a second stage.
    """
    best = best or model
    by_vectors = best is model and model.second is None
    # The row names its folder before there is one, so that whoever finds a half-built version finds all of it.
    name = _free_name()
    version = ModelVersion.objects.create(
        name=name,
        status=Status.BUILDING,
        recommender=best.name,
        dimension=model.dimension,
        artifact=name.replace(":", ""),
        manifest_sha256="",
        metrics=metrics,
        config=config,
    )
    folder = registry.artifact_folder(version.artifact)
    version.manifest_sha256 = write_artifact(folder, model.pack(item_ids=dataset.product_ids))
    if not by_vectors:
        version.served_sha256 = write_served(folder / registry.SERVED, best, ids=dataset.product_ids)
        if isinstance(best, TwoStages):
            # The owner may have edited them while it learnt: what serves goes by those of now.
            best.mix(second_stage_weights())
        _require_same(best, registry.read_served(registry.version_for_serving(version)), dataset)
    version.save(update_fields=["manifest_sha256", "served_sha256"])
    placed = model.vectors.any(axis=1)
    product_vectors.create_partition(version_id=version.pk)
    product_vectors.copy_vectors(
        version_id=version.pk, product_ids=dataset.product_ids[placed], vectors=model.vectors[placed]
    )
    product_vectors.build_index(version_id=version.pk, dimension=version.dimension)
    product_vectors.attach_partition(version_id=version.pk)
    return version


def _require_same(judged: ScoringRecommender, served: ServedRecommender | None, dataset: Dataset) -> None:
    """What serves must be what was judged. Raises RuntimeError."""
    lengths = range(1, 1 + min(COMPARED, len(dataset.product_ids)))
    histories = [History.of_items(np.arange(length)) for length in lengths]
    by_key = [History.of_items(dataset.product_ids[:length]) for length in lengths]
    expected = normalised(judged.final_scores(histories))
    # Rounding to half precision moves an item or two over the edge of the first hundred.
    if served is None or np.isclose(served.scores(by_key), expected, atol=0.01).mean() < SAME:
        raise RuntimeError(
            f"the {judged.name} that was written scores otherwise than the one that was judged"
        )


def embed_shoppers(version: ModelVersion, *, progress: Callable[[float], None] | None = None) -> int:
    """Encodes those seen last first, then those known longest; returns how many."""
    serving = registry.version_for_serving(version)
    shopper_ids = list(
        Shopper.objects.filter(last_seq__gt=0)
        .order_by(F("last_seen_at").desc(nulls_last=True), "pk")
        .values_list("pk", flat=True)[:EMBED_MOST]
    )
    done = 0
    for start in range(0, len(shopper_ids), EMBED_BATCH):
        done += encode_shoppers(shopper_ids=shopper_ids[start : start + EMBED_BATCH], version=serving)
        if progress:
            progress(min(1.0, (start + EMBED_BATCH) / len(shopper_ids)))
    return done


def mark_ready(version: ModelVersion) -> None:
    version.status = Status.READY
    version.save(update_fields=["status"])


def activate(version: ModelVersion, *, instead_of: frozenset[int] | None = None) -> None:
    """Swaps to a ready version in one transaction; the active one becomes ready. Raises CannotActivate.

    A request reads the active version once, so none that is under way mixes the two. ``instead_of``: keys of what may
    be active until then, whatever it is where None. Raises NotCompared where another is.
    """
    if version.status not in (Status.BUILDING, Status.RETIRED):
        _require_loadable(version)
    with transaction.atomic():
        # Every version's row is locked in one order, so that two swaps wait for each other.
        locked = {row.pk: row for row in ModelVersion.objects.select_for_update().order_by("pk")}
        chosen = locked.get(version.pk)
        if chosen is None or chosen.status != Status.READY:
            state = chosen.status if chosen else "deleted"
            raise CannotActivate(f"version {version.name} is {state}; only a ready one can be activated")
        active = {key for key, row in locked.items() if row.status == Status.ACTIVE}
        if instead_of is not None and active != instead_of:
            names = ", ".join(locked[key].name for key in active) or "none"
            raise NotCompared(
                f"version {version.name} was not compared with the one that is active ({names})"
            )
        ModelVersion.objects.filter(status=Status.ACTIVE).update(status=Status.READY)
        ModelVersion.objects.filter(pk=chosen.pk).update(status=Status.ACTIVE, activated_at=timezone.now())
    version.refresh_from_db()
    _place_newcomers(version)


def _require_loadable(version: ModelVersion) -> None:
    """Before anything is locked, for it takes a while. What ranks in place of the vectors may be damaged: they serve
    then. Raises CannotActivate."""
    serving = registry.version_for_serving(version)
    if not serving.artifact.is_dir():
        raise CannotActivate(f"the files of version {version.name} are gone from ARTIFACT_DIR")
    try:
        # Anew: what this process holds of an older reading says nothing of the files of now.
        load_user_tower(serving.artifact, sha256=serving.manifest_sha256)
    except ArtifactError as failure:
        raise CannotActivate(f"version {version.name} cannot serve: {failure}") from failure


def place_by_content() -> None:
    """Gives what no training has met its place by what it is now: a product may have been edited, or its words and
    picture encoded, while a version was being built that is ready now."""
    product_ids = list(Product.objects.values_list("pk", flat=True))
    for start in range(0, len(product_ids), PLACED_AT_ONCE):
        product_vectors.place_products(product_ids=product_ids[start : start + PLACED_AT_ONCE])


def rollback() -> ModelVersion:
    """Goes back to the version that was active before. Raises CannotActivate if none is kept."""
    previous = (
        ModelVersion.objects.filter(status=Status.READY, activated_at__isnull=False)
        .order_by("-activated_at")
        .first()
    )
    if previous is None:
        raise CannotActivate("no earlier version is kept: there is nothing to go back to")
    activate(previous)
    return previous


def retire_old_versions() -> list[str]:
    """Retires every ready version but the one that was active last; returns their names."""
    ready = ModelVersion.objects.filter(status=Status.READY).order_by("-activated_at", "-created_at")
    activated = [version for version in ready if version.activated_at]
    retired = [version for version in ready if version not in activated[:1]]
    gone = []
    for version in retired:
        # Somebody may have activated it since.
        kept = ModelVersion.objects.filter(pk=version.pk, status=Status.READY)
        if kept.update(status=Status.RETIRED, retired_at=timezone.now()):
            _drop_contents(version)
            gone.append(version.name)
    return gone


def remove_leftovers() -> list[str]:
    """Takes away what a killed run left half-built or half-retired; returns the versions' names.

    Only for the holder of the nightly lease: a version that is being built looks the same.
    """
    removed = []
    for version in ModelVersion.objects.filter(status=Status.BUILDING):
        if _drop_contents(version):
            version.delete()
            removed.append(version.name)
    for version in ModelVersion.objects.filter(status=Status.RETIRED):
        if _has_contents(version) and _drop_contents(version):
            removed.append(version.name)
    return removed


def _has_contents(version: ModelVersion) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass(%s) IS NOT NULL OR EXISTS"
            " (SELECT FROM recs_shoppervector WHERE version_id = %s)",
            [product_vectors.partition_name(version.pk), version.pk],
        )
        row = cursor.fetchone()
    files = bool(version.artifact) and registry.artifact_folder(version.artifact).exists()
    return files or bool(row and row[0])


def _drop_contents(version: ModelVersion) -> bool:
    """Vectors and files of a version that nobody reads; False if that has to wait for the next run."""
    try:
        product_vectors.drop_partition(version_id=version.pk)
    except OperationalError:
        logger.warning(
            "version %s is in use for too long; the next run drops it", version.name, exc_info=True
        )
        return False
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM recs_shoppervector WHERE version_id = %s", [version.pk])
    if version.artifact:
        folder = registry.artifact_folder(version.artifact)
        # Artifacts are written beside their place, under a name with a dot before it.
        for path in (folder, *folder.parent.glob(f".{folder.name}.*")):
            shutil.rmtree(path, ignore_errors=True)
    return True


def _place_newcomers(version: ModelVersion) -> None:
    """Products that came since the version was built, by their content."""
    missing = product_vectors.unplaced_products(version_id=version.pk)
    if missing:
        product_vectors.place_products(product_ids=missing)


def _free_name() -> str:
    """Time of training and a number that no version had: 2026-11-24T02:00Z-3."""
    number = (ModelVersion.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) + 1
    return f"{timezone.now():%Y-%m-%dT%H:%MZ}-{number}"
