"""Jobs on the shop's own history: the database is read here, so that no child process needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from django.conf import settings

from accounts.models import Shopper
from catalog.models import Product
from catalog.online_retail.cleaning import clean, read_lines
from recs.content_items import content_items
from recs.engine import cold
from recs.engine.replay import last_tenth
from recs.engine.splits import TimeSplit, split_at
from recs.engine.transformer.training_state import TrainingConfig
from recs.evaluation.fitting import Lesson, OwnSettings
from recs.evaluation.modalities import MODALITIES, ModalityJob
from recs.evaluation.replaying import ReplayJob
from recs.history import Export
from recs.nightly.dataset import VALIDATION_SHARE, NotEnoughHistory, load_history
from recs.nightly.train import MOST_FOR_WHOLE_EASE, OF_THE_BLEND, kind_weights
from recs.second_stage_weights import second_stage_weights

SHUFFLED, IN_FILE_ORDER = "shuffled", "as in the file"


def replay_jobs(
    names: Sequence[str], *, start: datetime | None, seconds: float, seed: int
) -> list[ReplayJob]:
    """``start``: what comes from then on is replayed, default the last tenth of its days. All is chosen as at night.
    Raises NotEnoughHistory."""
    export = load_history()
    interactions = export.interactions
    split, lesson = _split(export, start, seed=seed)
    orders = {SHUFFLED: np.random.default_rng(seed).random(len(interactions))}
    in_file = file_order(export)
    if in_file is not None:
        orders = {IN_FILE_ORDER: in_file, **orders}
    return [
        ReplayJob(name, lesson, interactions, orders, split.test_from, seconds, seed, own_settings())
        for name in names
    ]


def own_settings() -> OwnSettings:
    """As the nightly training takes them."""
    training = TrainingConfig(kind_weights=kind_weights())
    return OwnSettings(
        training,
        settings.HISTORY_LENGTH,
        second_stage_weights(),
        members=OF_THE_BLEND,
        whole_ease=MOST_FOR_WHOLE_EASE,
    )


def modality_jobs(
    names: Sequence[str], *, start: datetime | None, share: float, seconds: float, seed: int
) -> list[ModalityJob]:
    """``share`` of the products is cold. Raises NotEnoughHistory."""
    split, lesson = _split(load_history(), start, seed=seed, every_target=True)
    unseen = cold.draw(lesson.items.count, share, seed=seed)
    return [
        ModalityJob(name, modality, lesson, split.test, unseen, seconds, seed, own_settings())
        for name in names
        for modality in MODALITIES
    ]


def _split(
    export: Export, start: datetime | None, *, seed: int, every_target: bool = False
) -> tuple[TimeSplit, Lesson]:
    """Raises NotEnoughHistory where nothing lies before ``start`` or after it, or too little to hold some of it out."""
    time = export.interactions.time
    split = split_at(
        export.interactions,
        last_tenth(time) if start is None else int(start.timestamp()),
        validation_share=VALIDATION_SHARE,
        longest=settings.HISTORY_LENGTH,
        seed=seed,
        every_target=every_target,
    )
    day, first, last = (
        f"{datetime.fromtimestamp(moment, tz=UTC):%Y-%m-%d}"
        for moment in (split.test_from, time.min(), time.max())
    )
    if not len(split.training):
        raise NotEnoughHistory(
            f"nothing to learn from before {day}: the history goes from {first} to {last}; choose a later"
            " --replay-from, or wait for more days"
        )
    if not len(split.test):
        raise NotEnoughHistory(
            f"nothing to ask for from {day} on: the history goes from {first} to {last}; choose an earlier"
            " --replay-from"
        )
    return split, Lesson(split.training, split.validation, content_items(export.product_ids.tolist()))


def moment_of(job: ReplayJob) -> str:
    return datetime.fromtimestamp(job.start, tz=UTC).isoformat()


def file_order(export: Export) -> np.ndarray | None:
    """Row in the file of each interaction, float64 [n], for the demo's shop; None for any other.

    The shop itself does not keep the order of an invoice's rows: no shopper chose it.
    """
    shoppers = dict(Shopper.objects.exclude(code=None).values_list("code", "pk"))
    products: dict[str | None, int] = dict(Product.objects.values_list("code", "pk"))
    lines = clean(read_lines()).lines
    user = _places(lines.customer.astype(str), shoppers, export.shopper_ids)
    item = _places(lines.code.astype(str), products, export.product_ids)
    time = lines.time.astype("datetime64[s]").astype(np.int64)
    known = (user >= 0) & (item >= 0)
    data = export.interactions
    base = int(min(data.time.min(), time.min(initial=data.time.max())))

    def keys(user: np.ndarray, item: np.ndarray, time: np.ndarray) -> np.ndarray:
        return ((time - base) * data.user_count + user) * data.item_count + item

    # The first row of a product that stands twice in an invoice: sorted by row, and unique keeps the first.
    by_row = np.flatnonzero(known)[np.argsort(lines.row[known], kind="stable")]
    in_file, first = np.unique(keys(user[by_row], item[by_row], time[by_row]), return_index=True)
    wanted = keys(data.user, data.item, data.time)
    if not len(in_file):
        return None
    place = np.minimum(np.searchsorted(in_file, wanted), len(in_file) - 1)
    found = in_file[place] == wanted
    if not found.any():
        return None
    return np.where(found, lines.row[by_row[first[place]]], np.inf).astype(np.float64)


def _places(words: np.ndarray, keys: Mapping[str | None, int], ids: np.ndarray) -> np.ndarray:
    """Dense index of each word's key among the sorted ``ids``, -1 for one that is not there."""
    names, inverse = np.unique(words, return_inverse=True)
    key = np.array([keys.get(str(name), -1) for name in names], dtype=np.int64)
    place = np.minimum(np.searchsorted(ids, key), len(ids) - 1)
    return np.where(ids[place] == key, place, -1)[inverse]
