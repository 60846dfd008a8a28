"""Where a training starts that has an earlier one's towers to go on from.

Both towers are taken over, ids by item. Items that the earlier training did not learn get the id that the linear map
which best takes tonight's spectral vectors (recs/engine/transformer/start.py) of the others to their learnt ids gives
them: two nights' spectral vectors differ by a rotation, and mean nothing to a tower that learnt with other ones. So do
the rows of categories, attributes and prices that last night's tables did not have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from recs.engine.interactions import FloatArray, IntArray
from recs.engine.transformer.ensemble import ItemTowers, UserTowers
from recs.engine.transformer.item_tower import START, ItemTower
from recs.engine.transformer.user_tower import UserTower

GROWING = ("category.weight", "attributes.weight", "price.weight")
"""Tables of the item tower that may have more rows than last night, or be new."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Towers of an earlier training; ``rows`` int64 [items]: which of its items each of tonight's is, -1 for one
    that it did not learn."""

    item_tower: ItemTowers
    user_tower: UserTowers
    rows: IntArray

    def misfit(self, item_tower: ItemTowers, user_tower: UserTowers) -> str:
        """Why such towers cannot go on from these; empty if they can."""
        if len(item_tower.members) != len(self.item_tower.members):
            return f"{len(self.item_tower.members)} members then, {len(item_tower.members)} now"
        if user_tower.config != self.user_tower.config:
            return f"other sizes of the user tower: {self.user_tower.config} then, {user_tower.config} now"
        # More items, categories and attributes only add rows, and the bounds of price bands move with the prices.
        then, now = (
            replace(tower.config, items=0, categories=0, attributes=0, price_bounds=())
            for tower in (self.item_tower, item_tower)
        )
        if then != now:
            return f"other parts of the item tower: {then} then, {now} now"
        if not (self.rows >= 0).any():
            return "none of its items is here"
        return ""

    @torch.no_grad()
    def give(self, number: int, item_tower: ItemTower, user_tower: UserTower, spectral: FloatArray) -> None:
        """Fills the towers of member ``number``; ``spectral`` float32 [items, d] of all of tonight's items."""
        user_tower.load_state_dict(self.user_tower.members[number].state_dict())
        mine, earlier = item_tower.state_dict(), self.item_tower.members[number].state_dict()
        known = self.rows >= 0
        taken = earlier["id.weight"].numpy()[self.rows[known]]
        turn, *_ = np.linalg.lstsq(spectral[known], taken, rcond=None)
        ids = spectral @ turn
        ids[known] = taken
        mine["id.weight"][:] = torch.from_numpy(ids)
        for name in mine.keys() - {"id.weight"}:
            shared = min(len(mine[name]), len(earlier[name])) if name in earlier else 0
            if name in GROWING and shared < len(mine[name]):
                # They tell of tonight's spectral vectors, START long.
                mine[name][shared:] @= torch.from_numpy(turn / START)
            if shared:
                mine[name][:shared] = earlier[name][:shared]
