"""Synthetic histories of a catalogue of any size, in which there is something to learn."""

import numpy as np

from recs.engine.interactions import HeldOut, History, IntArray, Interactions, Kind

SEED = 20261124
HISTORY = 20
"""Mean length of a synthetic history."""
CLUSTER = 200
"""Items of a cluster; a synthetic user likes ``LIKED`` of them, and the k-th item of one is 1/k as popular as its
first."""
LIKED = 3
STRAY = 0.1
"""Share of interactions with an item of any cluster."""
ASKED = 2_000
"""Users whose last interaction is held out, half of them to validate on."""


def clustered_histories(items: int, interactions: int) -> tuple[Interactions, HeldOut]:
    """About so many ``interactions``; the last ones of some users are held out. All follows from ``SEED``."""
    rng = np.random.default_rng(SEED)
    users = max(2, interactions // HISTORY)
    length = 3 + rng.poisson(rng.exponential(HISTORY - 3, size=users))
    user = np.repeat(np.arange(users), length)
    clusters = max(1, items // CLUSTER)
    liked = rng.integers(clusters, size=(users, LIKED))
    cluster = liked[user, rng.integers(LIKED, size=len(user))]
    stray = rng.random(len(user)) < STRAY
    cluster[stray] = rng.integers(clusters, size=int(stray.sum()))
    size = items // clusters
    place = np.exp(rng.random(len(user), dtype=np.float32) * np.log(size)).astype(np.int64) - 1
    # Shuffled: the number of an item says nothing about it.
    item = rng.permutation(items)[cluster * size + place]
    moment = np.cumsum(rng.integers(60, 500_000, size=len(user)))
    ends = np.cumsum(length)
    moment += 1_600_000_000 - np.repeat(moment[ends - length], length)
    asked = np.sort(rng.choice(users, size=min(ASKED, users // 2), replace=False))
    lasts = ends[asked] - 1
    before = [slice(last + 1 - size, last) for last, size in zip(lasts, length[asked], strict=True)]
    held_out = HeldOut(
        histories=[purchases(item[rows], moment[rows]) for rows in before],
        targets=[item[last : last + 1] for last in lasts],
        exclude=[np.zeros(0, dtype=np.int64)] * len(asked),
    )
    kept = np.ones(len(user), dtype=bool)
    kept[lasts] = False
    told = purchases(item[kept], moment[kept])
    return Interactions(user[kept], told.item, told.kind, told.time, told.value, users, items), held_out


def purchases(item: IntArray, moment: IntArray) -> History:
    nothing = np.full(len(item), np.nan, dtype=np.float32)
    return History(item, np.full(len(item), int(Kind.PURCHASE)), moment, nothing)
