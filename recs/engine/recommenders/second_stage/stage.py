"""A small ranker that corrects the scores of the first hundred of a first stage.

``s(h, c) = first(h, c) + sum over k of w_k r_k(h, c) / sum over k of |w_k|``, where ``r_k`` is the head of one kind
of answer (view, cart, purchase, good rating, hide) and ``w_k`` the owner's weight of it. Each head reads the same: how
alike the candidate is to the history, by several measures, at the newest interaction, at most, on average and as the
candidate attends to it. An attention over likenesses has a few numbers to learn where one over vectors (Zhou et al.
2018, DIN, arXiv:1706.06978) has thousands, and held-out answers are few. The heads start at zero, so that an
untrained one ranks as the first stage does.

It learns on answers that the first stage was not trained on: on its training data the first stage is far too sure.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recs.engine.artifact import Artifact, ArtifactError, array
from recs.engine.interactions import FloatArray, History, IntArray, complaint, taken_back
from recs.engine.recommender import Recommendations
from recs.engine.recommenders.second_stage.answers import HEADS, PLACES, WEIGHTS, Answers, Proposals
from recs.engine.recommenders.second_stage.learning import BATCH, Lesson, OutOfTime, learn
from recs.engine.recommenders.second_stage.likeness import Likenesses
from recs.engine.recommenders.second_stage.ranker import LONGEST, Ranker
from recs.engine.transformer.sequence import length_sorted_batches

FEWEST = 300
"""Answers within the first hundred that a head needs: it has two thousand weights."""
SHARPNESS = (2.0, 4.0, 8.0, 16.0, 32.0)
"""Tried for the softmax over first-stage scores, before anything is learnt."""
AT_ONCE = 512
LEAST_SPREAD = 1e-3
"""Of cosines: half precision alone makes as much."""
FACTS = 4
"""Of a candidate, beside likenesses and voices: popularity, score, distance from the mean, place."""


class SecondStage:
    """``weights``: the owner's table, by head; it may be edited at any time."""

    name = "second_stage"

    def __init__(self, likenesses: Likenesses, popular: FloatArray, weights: Mapping[str, float] = WEIGHTS):
        self.likenesses = likenesses
        self.met = popular > 0
        known = np.log1p(np.maximum(popular, 0.0))
        self.popular = ((known - known.mean()) / (known.std() + 1e-6)).astype(np.float32)
        self.weights = dict(weights)
        self.taught = np.zeros(len(HEADS), dtype=bool)

    def fit(self, told: Answers, *, seed: int, most: int | None = None, until: float = math.inf) -> int:
        """How many passes over the answers it made, at most ``most``. Heads with few answers stay silent. Raises
        OutOfTime as :func:`learn` does."""
        # What nobody had met was hardly ever right, and is not to be told by that: it is no candidate here. Where a
        # history tells nothing the first stage's scores are of another kind, and of another size.
        tells = np.array([history.tells for history in told.histories], dtype=bool)
        told = replace(told, hit=told.hit & self._met(told.proposals.items) & tells[:, None])
        right = told.hit.any(axis=1)
        self.taught = np.bincount(told.head[right], minlength=len(HEADS)) >= FEWEST
        rows = np.flatnonzero(right & self.taught[told.head])
        torch.manual_seed(seed)
        self.ranker = Ranker(len(self.likenesses.vectors), FACTS + told.proposals.voices.shape[2])
        if not len(rows):
            return 0
        self._measure(told, rows)
        length = np.array([min(len(told.histories[row]), LONGEST) for row in rows.tolist()])
        batches = length_sorted_batches(length, BATCH, np.random.default_rng(seed))
        lessons = [self._lesson(told, rows[batch], until) for batch in batches]
        return learn(self.ranker, lessons, seed=seed, most=most, until=until)

    def rescored(self, found: Proposals, histories: Sequence[History], k: int) -> Recommendations:
        """The first hundred in a new order, what follows them where it was."""
        top = Proposals(found.items[:, :PLACES], found.scores[:, :PLACES], found.voices[:, :PLACES])
        items, scores = found.items.copy(), found.scores.copy()
        corrected = self.corrected(histories, top, top.scores)
        order = np.argsort(-corrected, axis=1, kind="stable")
        items[:, :PLACES] = np.take_along_axis(top.items, order, axis=1)
        scores[:, :PLACES] = np.take_along_axis(corrected, order, axis=1)
        if scores.shape[1] > PLACES:
            scores[:, PLACES:] = kept_behind(scores[:, PLACES:], scores[:, PLACES], corrected)
        return Recommendations(items[:, :k], scores[:, :k])

    def corrected(self, histories: Sequence[History], asked: Proposals, listed: FloatArray) -> FloatArray:
        """float32 [b, c], the new scores of ``asked``, which holds the list whose scores are ``listed``, best first.

        What nobody has met keeps its place among the others: nothing that the heads read is known of it.
        """
        scores = asked.scores + self.corrections(histories, asked, listed)
        met = self._met(asked.items)
        new = ~met & (asked.items >= 0)
        for row in np.flatnonzero(new.any(axis=1)):
            scores[row, new[row]] = in_place(
                asked.scores[row, new[row]], asked.scores[row, met[row]], scores[row, met[row]]
            )
        return scores

    def corrections(self, histories: Sequence[History], asked: Proposals, listed: FloatArray) -> FloatArray:
        """float32 [b, c] to be added to the scores ``asked``; nothing for -1 and for what nobody has met.

        ``listed`` [b, places], best first: scores of the list in which they stand or would stand.
        """
        weights = np.array([self.weights.get(head, 0.0) for head in HEADS], dtype=np.float32) * self.taught
        made = np.zeros_like(asked.scores)
        if not weights.any():
            return made
        shares = torch.from_numpy(weights / np.abs(weights).sum())
        with torch.inference_mode():
            for start in range(0, len(made), AT_ONCE):
                rows = slice(start, start + AT_ONCE)
                heads = self.ranker(*self._read(histories[rows], asked.of(rows), listed[rows]))
                made[rows] = (heads @ shares).numpy()
        return np.where(self._met(asked.items), made, 0.0).astype(np.float32)

    def pack(self) -> Artifact:
        arrays = {f"ranker.{name}": part.numpy() for name, part in self.ranker.state_dict().items()}
        arrays |= {
            f"likeness.{name}": made.astype(np.float16) for name, made in self.likenesses.vectors.items()
        }
        arrays |= {
            "popular": self.popular,
            "met": self.met,
            "taught": self.taught,
            "spread": self.spread.numpy(),
        }
        config = {
            "weights": self.weights,
            "measures": list(self.likenesses.vectors),
            "facts": self.ranker.facts,
        }
        return Artifact(self.name, config, arrays)

    @classmethod
    def unpacked(cls, artifact: Artifact) -> SecondStage:
        """What ``pack`` gave. Raises ArtifactError."""
        measures = artifact.config["measures"]
        vectors = {name: array(artifact, f"likeness.{name}").astype(np.float32) for name in measures}
        stage = cls(Likenesses(vectors), array(artifact, "popular"), artifact.config["weights"])
        stage.popular, stage.met = array(artifact, "popular"), array(artifact, "met")
        stage.taught = array(artifact, "taught")
        stage.spread = torch.from_numpy(array(artifact, "spread"))
        stage.ranker = Ranker(len(vectors), artifact.config["facts"])
        state = {
            name.removeprefix("ranker."): torch.from_numpy(part)
            for name, part in artifact.arrays.items()
            if name.startswith("ranker.")
        }
        try:
            stage.ranker.load_state_dict(state)
        except RuntimeError as failure:
            raise ArtifactError(f"the second stage's arrays do not fit: {failure}") from failure
        stage.ranker.eval()
        return stage

    @property
    def parameters(self) -> int:
        likeness = sum(made.size for made in self.likenesses.vectors.values())
        return likeness + self.popular.size + sum(weight.numel() for weight in self.ranker.parameters())

    def _met(self, items: IntArray) -> NDArray[np.bool_]:
        """Alike in shape: which are items that somebody has met; -1 is none."""
        return (items >= 0) & self.met[np.maximum(items, 0)]

    def _measure(self, told: Answers, rows: IntArray) -> None:
        """How far likenesses spread, and how sharply first-stage scores tell right from wrong."""
        some = rows[:AT_ONCE]
        history, _, length = _newest([told.histories[row] for row in some], len(self.met))
        likeness = self.likenesses.of_pairs(told.proposals.items[some], history)
        inside = (torch.arange(history.shape[1]) < torch.from_numpy(length)[:, None])[:, None]
        spread = likeness[inside.expand_as(likeness)].view(len(likeness), -1).std(1)
        # A measure by which all are alike tells nothing, and would be told as an infinite number.
        self.spread = torch.where(spread > LEAST_SPREAD, spread, torch.ones_like(spread))
        # The first stage tells what is wanted, not what will be hidden.
        wishes = np.intersect1d(rows, told.wishes)
        if not len(wishes):
            return
        first = torch.from_numpy(_finite(told.proposals.scores[wishes]))
        hit = torch.from_numpy(told.hit[wishes])
        losses = [-(first * sharp).log_softmax(1)[hit].mean().item() for sharp in SHARPNESS]
        with torch.no_grad():
            self.ranker.sharpness.fill_(float(np.log(SHARPNESS[int(np.argmin(losses))])))

    def _lesson(self, told: Answers, rows: IntArray, until: float) -> Lesson:
        if time.monotonic() > until:
            raise OutOfTime
        asked = told.proposals.of(rows)
        histories = [told.histories[row] for row in rows]
        likeness, kind, length, about = self._read(histories, asked, asked.scores)
        hit = told.hit[rows]
        return Lesson(
            likeness=likeness.half(),
            kind=kind,
            length=length,
            about=about,
            first=torch.from_numpy(_finite(asked.scores)),
            candidate=torch.from_numpy(self._met(asked.items)),
            right=torch.from_numpy((hit / hit.sum(axis=1, keepdims=True)).astype(np.float32)),
            head=torch.from_numpy(told.head[rows]),
        )

    def _read(
        self, histories: Sequence[History], asked: Proposals, listed: FloatArray
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the ranker takes."""
        history, kind, length = _newest(histories, len(self.met))
        likeness = self.likenesses.of_pairs(asked.items, history) / self.spread[:, None, None, None]
        facts = np.concatenate(
            [
                self.popular[np.maximum(asked.items, 0)][..., None],
                _standing(_finite(asked.scores), listed),
                np.sqrt(np.clip(asked.voices, 0.0, None)),
            ],
            axis=-1,
        )
        return likeness, torch.from_numpy(kind), torch.from_numpy(length), torch.from_numpy(facts)


def kept_behind(scores: FloatArray, behind: FloatArray, corrected: FloatArray) -> FloatArray:
    """The scores [b, n] of what stands behind a list, from ``behind`` [b] on, none above the lowest of the list's
    ``corrected`` [b, c]: those that would be are pressed together from as far below it as they would stand above, in
    the same order."""
    last = np.where(np.isfinite(behind), corrected.min(axis=1), np.inf)
    above = np.maximum(behind - last, 0.0)
    floor = np.where(above > 0, last - above, 0.0)[:, None]
    far = (above > 0)[:, None] & (scores > floor)
    pressed = np.where(far, floor + (scores - floor) / 2, scores)
    # Far down, half of a difference rounds to more than that.
    return np.minimum(pressed, last[:, None]).astype(np.float32)


def in_place(new: FloatArray, first: FloatArray, corrected: FloatArray) -> FloatArray:
    """Scores for those of ``new`` that leave as many of the others before them as their first ones did."""
    if not len(first):
        return new
    first, corrected = np.sort(first), np.sort(corrected)
    inside = np.interp(new, first, corrected)
    outside = np.minimum(new - first[0], 0.0) + np.maximum(new - first[-1], 0.0)
    return (inside + outside).astype(np.float32)


def _standing(scores: FloatArray, listed: FloatArray) -> FloatArray:
    """float32 [b, c, 3]: score, how far it lies from the list's mean, and how many of the list lie above it."""
    known = np.ma.masked_invalid(listed)
    mean, spread = (np.ma.filled(part, 0.0)[:, None] for part in (known.mean(axis=1), known.std(axis=1)))
    above = [np.searchsorted(-row, -own) for row, own in zip(listed, scores, strict=True)]
    place = np.log1p(np.stack(above)) / np.log(PLACES)
    return np.stack([scores, (scores - mean) / (spread + 1e-6), place], axis=-1).astype(np.float32)


def _newest(histories: Sequence[History], items: int) -> tuple[IntArray, IntArray, IntArray]:
    """Items [b, n] (-1 padding) and kinds [b, n] newest first, without complaints, what they take back and what is no
    item of the catalogue, and how many there are [b]."""
    kept = []
    for history in histories:
        bad = complaint(history.kind, history.value)
        back = taken_back(history.item, bad)
        inside = (history.item >= 0) & (history.item < items)
        kept.append(np.flatnonzero(inside & ~bad & ~back)[::-1][:LONGEST])
    length = np.array([len(rows) for rows in kept], dtype=np.int64)
    item = np.full((len(histories), max(1, int(length.max(initial=0)))), -1, dtype=np.int64)
    kind = np.zeros_like(item)
    for row, (history, rows) in enumerate(zip(histories, kept, strict=True)):
        item[row, : len(rows)], kind[row, : len(rows)] = history.item[rows], history.kind[rows]
    return item, kind, length


def _finite(first: FloatArray) -> FloatArray:
    """Scores of places that a list does not fill count nothing."""
    return np.where(np.isfinite(first), first, 0.0).astype(np.float32)
