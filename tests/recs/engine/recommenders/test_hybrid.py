"""The blend and its members."""

import numpy as np
import pytest
import torch

from recs.engine.artifact import ArtifactError
from recs.engine.interactions import HeldOut, History
from recs.engine.recommenders.hybrid import Hybrid
from recs.engine.recommenders.second_stage.answers import HEADS, Head
from recs.engine.recommenders.second_stage.likeness import Likenesses
from recs.engine.recommenders.second_stage.ranker import Ranker
from recs.engine.recommenders.second_stage.stage import FACTS, SecondStage
from tests.contracts.small_recommenders import ITEMS, MAKERS, fit, grouped, small_hybrid


@pytest.fixture(scope="module")
def hybrid() -> Hybrid:
    fitted = fit("hybrid", grouped())
    assert isinstance(fitted, Hybrid)
    return fitted


def test_each_member_keeps_its_own_weight_through_a_save(hybrid, tmp_path):
    hybrid.weights = np.geomspace(1, 0.01, hybrid.weights.size, dtype=np.float32).reshape(
        hybrid.weights.shape
    )
    histories = [History.of_items([0, 3]), History.of_items([7, 1, 4])]
    hybrid.save(tmp_path / "hybrid")

    loaded = small_hybrid()
    loaded.load(tmp_path / "hybrid")

    assert list(loaded.members) == list(hybrid.members)
    assert np.allclose(loaded.scores(histories), hybrid.scores(histories), atol=1e-3)


def test_an_artifact_with_a_member_unknown_here_is_refused(hybrid, tmp_path):
    hybrid.save(tmp_path / "hybrid")
    without_ease = Hybrid({name: make for name, make in small_hybrid().makers.items() if name != "ease"})

    with pytest.raises(ArtifactError, match="ease"):
        without_ease.load(tmp_path / "hybrid")


def test_the_memory_keeps_the_transformer_that_reads_for_it(hybrid):
    weights = np.zeros_like(hybrid.weights)
    weights[:, list(hybrid.members).index("neighbouring_states")] = 1.0
    lone = MAKERS["hybrid"]()
    assert isinstance(lone, Hybrid)
    lone.members, lone.weights = dict(hybrid.members), weights

    lone._forget_the_silent()

    assert list(lone.members) == ["transformer", "neighbouring_states"]


def test_the_second_stage_orders_explains_and_is_kept(hybrid, tmp_path):
    history = History.of_items([0, 3])
    lone = MAKERS["hybrid"]()
    assert isinstance(lone, Hybrid)
    lone.members, lone.weights = hybrid.members, hybrid.weights
    before = lone.recommend([history], ITEMS)
    lone.second = second_stage_that_wants([5, 7], voices=len(lone.members))

    after = lone.recommend([history], ITEMS)
    lone.save(tmp_path / "hybrid")
    again = small_hybrid()
    again.load(tmp_path / "hybrid")

    assert set(after.items[0, :2].tolist()) == {5, 7}
    assert sorted(after.items[0]) == sorted(before.items[0])
    assert again.recommend([history], ITEMS).items.tolist() == after.items.tolist()
    shorter = lone.recommend([history.without(1)], ITEMS)
    last = lone.explain(history, 5)[1]
    assert last == pytest.approx(
        after.scores[0][after.items[0] == 5][0] - shorter.scores[0][shorter.items[0] == 5][0], abs=1e-5
    )


def second_stage_that_wants(items: list[int], *, voices: int) -> SecondStage:
    """Its one measure is an untrained likeness; its popularity, which it was taught to follow, is these items."""
    popular = np.zeros(ITEMS, dtype=np.float32)
    popular[items] = 100.0
    stage = SecondStage(Likenesses({"together": np.eye(ITEMS, dtype=np.float32)}), popular)
    stage.ranker = Ranker(1, FACTS + voices)
    stage.spread, stage.taught = torch.ones(1), np.array([head == Head.PURCHASE for head in HEADS])
    first, last = stage.ranker.mix[0], stage.ranker.mix[-1]
    with torch.no_grad():
        first.weight.zero_()
        first.weight[:, 0] = 1.0
        stage.ranker.mix[3].weight.copy_(torch.eye(len(first.weight)))
        last.weight[HEADS.index(Head.PURCHASE)] = 1.0
    stage.ranker.eval()
    return stage


def test_members_that_are_fitted_are_blended_without_being_fitted_again(hybrid):
    again = small_hybrid()

    again.blend(hybrid.members, None, seed=1)

    assert [again.members[name] is one for name, one in hybrid.members.items()] == [True] * len(
        hybrid.members
    )
    assert (again.weights == 1).all()


def test_on_validation_the_blend_keeps_who_is_right():
    ease, popular = fit("ease", grouped()), fit("popularity", grouped())
    histories = [History.of_items([group, group + 3]) for group in (0, 1, 2)] * 4
    seen = [history.item for history in histories]
    held_out = HeldOut(histories, [item[-1:] + 3 for item in seen], seen)
    blend = Hybrid()

    blend.blend({"ease": ease, "popularity": popular}, held_out, seed=1)

    assert list(blend.members) == ["ease"]
