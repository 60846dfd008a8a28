"""The family: every recommender by its name."""

from __future__ import annotations

from recs.engine.recommender import Recommender
from recs.engine.recommenders.ease import Ease
from recs.engine.recommenders.item_knn import ItemKnn
from recs.engine.recommenders.popularity import Popularity
from recs.engine.recommenders.transformer import Transformer

FAMILY: dict[str, type[Recommender]] = {
    "popularity": Popularity,
    "item_knn": ItemKnn,
    "ease": Ease,
    "transformer": Transformer,
}
