"""Shoppers who want what is like something they took, and a first stage that does not know."""

import numpy as np

from recs.engine.interactions import HeldOut, History, Kind
from recs.engine.recommender import top_k
from recs.engine.recommenders.second_stage.answers import Answers, Proposals, answers
from recs.engine.recommenders.second_stage.likeness import Likenesses
from recs.engine.recommenders.second_stage.stage import SecondStage

ITEMS, GROUPS, SHOPPERS = 60, 6, 900


class Blind:
    """Scores that have nothing to do with the history, but alike for one that is asked twice."""

    def propose(self, histories, k, *, exclude=None, among=None) -> Proposals:
        rows = [np.random.default_rng(int(history.item.sum())).random(ITEMS) for history in histories]
        best = top_k(np.stack(rows).astype(np.float32), k, exclude=exclude, among=among)
        return Proposals(best.items, best.scores, np.maximum(best.scores, 0.0)[..., None])


def stage(popular: np.ndarray | None = None) -> SecondStage:
    """One measure: of one group or not."""
    groups = np.eye(GROUPS, dtype=np.float32)[np.arange(ITEMS) % GROUPS]
    return SecondStage(Likenesses({"together": groups}), np.ones(ITEMS) if popular is None else popular)


def told(places: dict[Kind, int], *, seed: int = 0, chance: bool = False) -> Answers:
    """An answer of a kind is of the group of the item at that place of the history, or any item by chance."""
    rng = np.random.default_rng(seed)
    kinds = np.array([int(kind) for kind in places])[np.arange(SHOPPERS) % len(places)]
    histories = [History.of_items(rng.permutation(ITEMS)[:3]) for _ in range(SHOPPERS)]
    targets = []
    for history, kind in zip(histories, kinds.tolist(), strict=True):
        group = history.item[places[Kind(kind)]] % GROUPS
        wanted = np.setdiff1d(np.arange(ITEMS) if chance else np.arange(group, ITEMS, GROUPS), history.item)
        targets.append(rng.choice(wanted, 1))
    exclude = [history.item for history in histories]
    return answers(Blind(), HeldOut(histories, targets, exclude, kinds=kinds))
