"""Who is measured on a shop's history is made as the shop's training makes them."""

from recs.engine.interactions import Kind
from recs.engine.recommenders.ease import Ease
from recs.engine.recommenders.hybrid import Hybrid
from recs.engine.recommenders.item_knn import ItemKnn
from recs.engine.recommenders.transformer import Transformer
from recs.engine.recommenders.transition_graph import TransitionGraph
from recs.engine.transformer.training_state import TrainingConfig
from recs.evaluation.fitting import OwnSettings, made

OWN = OwnSettings(
    TrainingConfig(batch=64, kind_weights={Kind.VIEW: 0.0}),
    30,
    {"purchase": 2.0},
    members=["transformer", "transition_graph", "ease"],
    whole_ease=5,
)


def test_transformer_graph_and_second_stage_have_the_shops_settings():
    alone, blend = made("transformer", OWN), made("hybrid", OWN)

    assert isinstance(alone, Transformer)
    assert isinstance(blend, Hybrid)
    assert list(blend.makers) == ["transformer", "transition_graph", "ease"]
    member, graph = blend.makers["transformer"](), blend.makers["transition_graph"]()
    assert isinstance(member, Transformer)
    assert isinstance(graph, TransitionGraph)
    for transformer in (alone, member):
        assert transformer.training_config == OWN.training
        assert transformer.user_config.longest == 30
    assert graph.kind_weights == {Kind.VIEW: 0.0}
    for ease in (made("ease", OWN), blend.makers["ease"]()):
        assert isinstance(ease, Ease)
        assert ease.most_items == 5
    assert alone.heads == blend.heads == {"purchase": 2.0}
    assert not member.second_stage


def test_without_any_they_have_their_own_and_others_need_none():
    assert made("transformer", None).training_config == Transformer().training_config
    assert isinstance(made("item_knn", OWN), ItemKnn)
