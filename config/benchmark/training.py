"""How long the nightly path takes, step by step, on the demo's own history; training against a plain pass."""

import resource
import time

import numpy as np
import torch
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from torch.nn import functional

from config.benchmark.pace import Pace
from config.benchmark.report import Report
from recs.engine.recommenders.transformer import Transformer
from recs.engine.transformer.batches import first_weights, training_batch
from recs.engine.transformer.item_tower import item_features
from recs.engine.transformer.sequence import length_sorted_batches, segments
from recs.engine.transformer.training_state import TrainingConfig
from recs.engine.transformer.user_tower import UserTowerConfig
from recs.models import TrainingRun
from recs.nightly.dataset import Dataset, load_dataset
from recs.nightly.run import SEED, run_nightly

STAGE = "train transformer"


def benchmark_training(*, seconds: float) -> Report:
    """``seconds`` bounds the transformer's training; content must be encoded. Raises RuntimeError if they were too few
    for two steps."""
    dataset = load_dataset(seed=SEED, as_of=timezone.now())
    pace = Pace()

    def say(stage: str, done: float, figures: dict[str, float]) -> None:
        if stage == STAGE:
            pace.listen(figures)

    run = run_nightly(minutes=seconds / 60, trigger="benchmark", say=say)
    if pace.per_second is None:
        raise RuntimeError("no two steps of the transformer came to their end: give it more --seconds")
    floor, read = plain_pass(dataset)
    steps = run.figures["seconds"]
    count = len(dataset.split.training)
    epoch = read / pace.per_second
    ratio = epoch / floor
    figures = {
        "benchmark": "training",
        "steps": steps,
        "status": str(run.status),
        "interactions": count,
        "seconds_per_epoch": epoch,
        "interactions_per_s": pace.per_second,
        "floor_pass_s": floor,
        "ratio_to_floor": ratio,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    rows = [(step, f"{spent:.1f}") for step, spent in steps.items()]
    rows += [
        ("one epoch of the transformer, by the pace of its steps", f"{epoch:.1f}"),
        ("floor: both towers once over the same batches, forward alone", f"{floor:.1f}"),
        ("an epoch to its floor", f"{ratio:.1f} ×"),
        ("interactions learnt from per second", f"{figures['interactions_per_s']:,.0f}"),
        ("peak of memory, MB", f"{figures['peak_rss_mb']:,.0f}"),
    ]
    published = "published" if run.status == TrainingRun.Status.PUBLISHED else f"refused: {run.reason}"
    title = f"training: {count:,} interactions, {published}"
    return Report(title, figures, ("step", "seconds"), rows)


def make_shop() -> None:
    """The demo's products, customers, purchases and content vectors."""
    call_command("import_online_retail")
    call_command("encode_content")


@torch.inference_mode()
def plain_pass(dataset: Dataset) -> tuple[float, int]:
    """Seconds of both towers over the batches of one epoch, without loss, gradient and optimiser, and the interactions
    that they read."""
    model = Transformer(user=UserTowerConfig(longest=settings.HISTORY_LENGTH), members=1)
    model.build(dataset.items, seed=SEED)
    tower, users = model.item_tower.members[0].eval(), model.user_tower.members[0].eval()
    features = item_features(dataset.items, np.arange(dataset.items.count), tower.config)
    data = dataset.split.training
    pieces = segments(data, model.user_config.longest)
    rng = np.random.default_rng(SEED)
    batches = list(length_sorted_batches(pieces.end - pieces.start, TrainingConfig().histories(pieces), rng))
    counts = first_weights(data)
    read = 0
    began = time.perf_counter()
    for rows in batches:
        batch = training_batch(data, pieces, rows, rng, counts)
        vectors = functional.embedding(batch.item, tower(features))
        users(vectors, batch.kind, batch.gap, batch.value, batch.length)
        read += int(batch.length.sum())
    return time.perf_counter() - began, read
