"""The blend and its members."""

import math

import numpy as np
import pytest

from recs.engine.artifact import ArtifactError
from recs.engine.interactions import HeldOut, History
from recs.engine.recommender import Budget, CannotLearn
from recs.engine.recommenders.hybrid import Hybrid
from recs.engine.recommenders.neighbouring_states import NeighbouringStates
from recs.engine.recommenders.popularity import Popularity
from tests.contracts.small_recommenders import ITEMS, MAKERS, fit, grouped, shelves, small_hybrid


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


def test_members_that_are_fitted_are_blended_without_being_fitted_again(hybrid):
    again = small_hybrid()

    again.blend(hybrid.members, None, seed=1)

    assert [again.members[name] is one for name, one in hybrid.members.items()] == [True] * len(
        hybrid.members
    )
    assert (again.weights == 1).all()


def test_members_given_in_any_order_keep_their_weights_through_a_save(tmp_path):
    blend, loaded, histories = Hybrid(), Hybrid(), [History.of_items([0, 3]), History.of_items([7, 1, 4])]
    blend.blend({name: fit(name, grouped()) for name in ("popularity", "ease")}, None, seed=1)
    blend.weights[:, list(blend.members).index("popularity")] = 0.1
    blend.save(tmp_path / "blend")

    loaded.load(tmp_path / "blend")

    assert np.allclose(loaded.scores(histories), blend.scores(histories), atol=1e-3)


def test_on_validation_the_blend_keeps_who_is_right():
    ease, popular = fit("ease", grouped()), fit("popularity", grouped())
    histories = [History.of_items([group, group + 3]) for group in (0, 1, 2)] * 4
    seen = [history.item for history in histories]
    held_out = HeldOut(histories, [item[-1:] + 3 for item in seen], seen)
    blend = Hybrid()

    blend.blend({"ease": ease, "popularity": popular}, held_out, seed=1)

    assert list(blend.members) == ["ease"]


def test_what_lies_outside_the_catalogue_makes_no_history_longer():
    blend = Hybrid()
    blend.blend({name: fit(name, grouped()) for name in ("popularity", "ease")}, None, seed=1)
    blend.weights[2:] = [0.0, 1.0]
    strange = History.of_items([ITEMS + 7, 0, ITEMS, -1, 3, ITEMS + 1])

    asked = blend.recommend([strange, History.of_items([0, 3])], 5)

    assert asked.items[0].tolist() == asked.items[1].tolist()
    assert asked.scores[0] == pytest.approx(asked.scores[1])


def test_what_reads_by_the_transformer_is_left_out_where_that_could_not_learn():
    def cannot() -> Popularity:
        raise CannotLearn("no such data")

    makers = {"transformer": cannot, "neighbouring_states": NeighbouringStates, "popularity": Popularity}
    blend = Hybrid(makers)

    blend.fit(grouped(), shelves(ITEMS), budget=Budget(seconds=1), seed=1)

    assert list(blend.members) == ["popularity"]


def test_a_member_that_fails_is_no_blend_without_it():
    def broken() -> Popularity:
        raise ValueError("operands could not be broadcast together")

    with pytest.raises(ValueError, match="broadcast"):
        Hybrid({"ease": broken, "popularity": Popularity}).fit(
            grouped(), shelves(ITEMS), budget=Budget(seconds=1), seed=1
        )


def test_without_validation_there_is_no_second_stage():
    blend, nothing = Hybrid(), HeldOut([], [], [])
    blend.blend({"popularity": fit("popularity", grouped())}, nothing, seed=1)

    blend.order(grouped(), shelves(ITEMS), nothing, until=math.inf, seed=1)

    assert blend.second is None
