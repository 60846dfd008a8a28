"""What a recommender is made with."""

from recs.engine.recommenders.hybrid import MEMBERS, Hybrid
from recs.engine.recommenders.item_knn import ItemKnn
from recs.engine.recommenders.transformer import Transformer
from recs.evaluation.fitting import made


def test_a_batch_is_that_of_the_transformer_alone_and_of_that_within_a_blend():
    alone, blend = made("transformer", 64), made("hybrid", 64)

    assert isinstance(alone, Transformer)
    assert alone.training_config.batch == 64
    assert isinstance(blend, Hybrid)
    assert list(blend.makers) == list(MEMBERS)
    within = blend.makers["transformer"]()
    assert isinstance(within, Transformer)
    assert (within.training_config.batch, within.second_stage) == (64, False)


def test_without_a_batch_everybody_is_as_in_the_family():
    assert made("transformer", None).training_config == Transformer().training_config
    assert isinstance(made("item_knn", 64), ItemKnn)
