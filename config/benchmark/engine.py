"""How fast the engine is by itself: a history encoded and answered, and training on a large synthetic catalogue.

Runs as a process of its own, without Django: its peak of memory is the engine's, its number of threads is fixed.
"""

import argparse
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from config.benchmark.histories import SEED, clustered_histories, purchases
from config.benchmark.pace import Pace
from config.benchmark.report import Report, ms
from recs.engine.evaluation import evaluate
from recs.engine.interactions import HeldOut, History, Interactions, Items
from recs.engine.recommender import Budget
from recs.engine.recommenders.popularity import Popularity
from recs.engine.recommenders.transformer import Transformer

LENGTHS = (10, 50)
"""Interactions of the histories that are encoded."""
CATALOGUE = 12_000
SHOWN = 60
"""Items that are scored for a history, and how many of the best are given back."""
TOGETHER = 256
SPEED_SECONDS = 60
"""At most, for histories of one length: medians do not change any more."""
WARM_UPS = 3
SLICE_SECONDS = 0.1


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("items", "interactions", "seconds", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    torch.set_num_threads(1)
    _say("histories encoded on one thread")
    seconds = min(options.seconds, SPEED_SECONDS)
    speeds = [measure_speed(length, seconds=seconds) for length in LENGTHS]
    torch.set_num_threads(options.threads)
    _say(f"{options.items:,} items, {options.interactions:,} interactions")
    data, held_out = clustered_histories(options.items, options.interactions)
    _say("training")
    try:
        scale = measure_scale(data, held_out, seconds=options.seconds)
    except TooShort as failure:
        sys.exit(f"error: {failure}")
    report(speeds, scale, threads=options.threads).save(options.report)


@dataclass(frozen=True)
class Speed:
    """Of histories of one ``length``: medians, and histories per second in batches of ``TOGETHER``. ``plain``: the same
    by the user tower's forward pass over what is ready in memory, one matrix product and torch's selection."""

    length: int
    encode_p50_ms: float
    plain_p50_ms: float
    answer_p50_ms: float
    plain_answer_p50_ms: float
    batch_per_s: float
    plain_batch_per_s: float


def measure_speed(length: int, *, seconds: float) -> Speed:
    """``answer``: encoding, the exact score of ``CATALOGUE`` items, and the best ``SHOWN``."""
    rng = np.random.default_rng(SEED)
    items = Items(count=CATALOGUE)
    model = Transformer(members=1)
    model.build(items, seed=SEED)
    model.trained = np.ones(CATALOGUE, dtype=bool)
    model.fallback = np.zeros(CATALOGUE, dtype=np.float32)
    model.use_vectors(items)
    histories = [_history(rng, length) for _ in range(TOGETHER)]
    tower = model.user_tower.members[0].eval()
    vectors = torch.from_numpy(model.vectors[np.stack([history.item for history in histories])])
    nothing = torch.zeros(TOGETHER, length, dtype=torch.int64)
    lengths = torch.full((TOGETHER,), length)
    table = torch.from_numpy(model.vectors)

    @torch.inference_mode()
    def plain(rows: int) -> torch.Tensor:
        newest: torch.Tensor = tower(
            vectors[:rows], nothing[:rows], nothing[:rows], nothing[:rows].float(), lengths[:rows]
        )[:, -1]
        return newest

    @torch.inference_mode()
    def plain_answer() -> object:
        return (plain(1) @ table.T).topk(SHOWN)

    encode, plain_encode, answer, plain_answered, batch, plain_batch = _median_seconds(
        lambda: model.encode(histories[:1]),
        lambda: plain(1),
        lambda: model.recommend(histories[:1], SHOWN),
        plain_answer,
        lambda: model.encode(histories),
        lambda: plain(TOGETHER),
        seconds=seconds,
    )
    return Speed(
        length,
        encode_p50_ms=1000 * encode,
        plain_p50_ms=1000 * plain_encode,
        answer_p50_ms=1000 * answer,
        plain_answer_p50_ms=1000 * plain_answered,
        batch_per_s=TOGETHER / batch,
        plain_batch_per_s=TOGETHER / plain_batch,
    )


def _history(rng: np.random.Generator, length: int) -> History:
    moments = 1_700_000_000 + np.cumsum(rng.integers(60, 1_000_000, size=length))
    return purchases(rng.integers(CATALOGUE, size=length), moments)


def _median_seconds(*works: Callable[[], object], seconds: float) -> list[float]:
    """Of each of the works, in slices that take turns, so that whatever else the machine does falls on all of them; the
    first runs of a slice warm up and do not count."""
    spent: list[list[float]] = [[] for _ in works]
    end = time.perf_counter() + seconds
    while not spent[0] or time.perf_counter() < end:
        for work, taken in zip(works, spent, strict=True):
            for _ in range(WARM_UPS):
                work()
            until = time.perf_counter() + SLICE_SECONDS
            while True:
                began = time.perf_counter()
                work()
                now = time.perf_counter()
                taken.append(now - began)
                if now > until:
                    break
    return [float(np.median(taken)) for taken in spent]


@dataclass(frozen=True)
class Scale:
    """``start_s``: until the first step; quality on last interactions of users whom nothing was chosen on, whole
    catalogue ranked."""

    items: int
    users: int
    interactions: int
    start_s: float
    fit_s: float
    interactions_per_s: float
    ndcg: float
    popularity_ndcg: float
    peak_rss_mb: float


class TooShort(Exception):
    """Nothing was measured; the message says what takes longer."""


def measure_scale(data: Interactions, held_out: HeldOut, *, seconds: float) -> Scale:
    """``seconds`` bounds the training, which half of ``held_out`` validates. Raises TooShort if that were too few for
    two steps."""
    rows = np.arange(len(held_out))
    validation, test = held_out.of(rows[::2]), held_out.of(rows[1::2])
    items = Items(count=data.item_count)
    # What a process loads for its first optimiser, seconds on some machines, is no pace of the engine's.
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    pace, model, floor = Pace(), Transformer(members=1), Popularity()
    began = time.perf_counter()
    model.fit(
        data,
        items,
        budget=Budget(seconds=seconds),
        seed=SEED,
        validation=validation,
        progress=lambda step: pace.listen(step.figures),
    )
    fitted = time.perf_counter() - began
    floor.fit(data, items, budget=Budget(seconds=seconds), seed=SEED)
    if pace.began is None or pace.per_second is None:
        raise TooShort(f"--seconds {seconds:g}: two steps of training and what comes before them take longer")
    return Scale(
        items=data.item_count,
        users=data.user_count,
        interactions=len(data),
        start_s=pace.began - began,
        fit_s=fitted,
        interactions_per_s=pace.per_second,
        ndcg=evaluate(model, test, item_count=items.count, depth=10).ndcg_10,
        popularity_ndcg=evaluate(floor, test, item_count=items.count, depth=10).ndcg_10,
        peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def report(speeds: list[Speed], scale: Scale, *, threads: int) -> Report:
    figures = {
        "benchmark": "engine",
        "histories": {
            str(speed.length): {
                "encode_p50_ms": speed.encode_p50_ms,
                "plain_p50_ms": speed.plain_p50_ms,
                "answer_p50_ms": speed.answer_p50_ms,
                "plain_answer_p50_ms": speed.plain_answer_p50_ms,
                "batch_per_s": speed.batch_per_s,
                "plain_batch_per_s": speed.plain_batch_per_s,
                "batch_to_plain": speed.batch_per_s / speed.plain_batch_per_s,
            }
            for speed in speeds
        },
        "threads": threads,
        **vars(scale),
    }
    rows = []
    for speed in speeds:
        several = f"{TOGETHER} histories of {speed.length}, per second"
        rows += [
            (f"a history of {speed.length} encoded, p50 ms", ms(speed.encode_p50_ms)),
            ("… by the plain forward pass, p50 ms", ms(speed.plain_p50_ms)),
            (f"encoded, {CATALOGUE:,} items scored, the best {SHOWN}, p50 ms", ms(speed.answer_p50_ms)),
            ("… by plain pass, product and selection, p50 ms", ms(speed.plain_answer_p50_ms)),
            (several, f"{speed.batch_per_s:,.0f}"),
            ("… to the plain forward pass", f"{speed.batch_per_s / speed.plain_batch_per_s:.2f} ×"),
        ]
    rows += [
        ("training: seconds until the first step", f"{scale.start_s:.1f}"),
        ("interactions learnt from per second", f"{scale.interactions_per_s:,.0f}"),
        ("NDCG@10 when the time was over", f"{scale.ndcg:.4f}"),
        ("NDCG@10 of popularity", f"{scale.popularity_ndcg:.4f}"),
        ("peak of memory, MB", f"{scale.peak_rss_mb:,.0f}"),
    ]
    title = (
        f"engine: {scale.items:,} items, {scale.interactions:,} interactions of {scale.users:,} users;"
        f" one thread to encode, {threads} to train"
    )
    return Report(title, figures, ("", ""), rows)


def _say(step: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {step} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
