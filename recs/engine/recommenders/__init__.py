"""The family: every recommender by its name."""

from __future__ import annotations

from recs.engine.recommender import Recommender
from recs.engine.recommenders.content_based import ContentBased
from recs.engine.recommenders.ease import Ease
from recs.engine.recommenders.hybrid import Hybrid
from recs.engine.recommenders.item_knn import ItemKnn
from recs.engine.recommenders.matrix_factorization import MatrixFactorization
from recs.engine.recommenders.neural_cf import NeuralCf
from recs.engine.recommenders.popularity import Popularity
from recs.engine.recommenders.transformer import Transformer
from recs.engine.recommenders.user_knn import UserKnn

FAMILY: dict[str, type[Recommender]] = {
    "popularity": Popularity,
    "content_based": ContentBased,
    "user_knn": UserKnn,
    "item_knn": ItemKnn,
    "matrix_factorization": MatrixFactorization,
    "ease": Ease,
    "neural_cf": NeuralCf,
    "transformer": Transformer,
    "hybrid": Hybrid,
}
