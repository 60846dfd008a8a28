"""A second stage over the transformer."""

import time

import numpy as np
import pytest

from recs.engine.comparison import Interval, Paired
from recs.engine.interactions import HeldOut, History, Kind
from recs.engine.recommender import Budget
from recs.engine.recommenders import transformer as transformer_module
from recs.engine.recommenders.hybrid import Hybrid
from recs.engine.recommenders.second_stage import stage, two_stages
from recs.engine.recommenders.second_stage.answers import HEADS, Head
from recs.engine.recommenders.second_stage.learning import PASSES
from recs.engine.recommenders.second_stage.verdict import Verdict
from recs.engine.recommenders.transformer import Transformer
from recs.engine.served import ServedRecommender
from tests.contracts.small_recommenders import (
    ITEMS,
    fit,
    grouped,
    second_stage_that_wants,
    shelves,
    small_transformer,
)

HISTORY = History.of_items([0, 3])


@pytest.fixture(scope="module")
def transformer() -> Transformer:
    fitted = fit("transformer", grouped())
    assert isinstance(fitted, Transformer)
    return fitted


@pytest.fixture
def both(transformer):
    transformer.second = second_stage_that_wants([5, 7])
    yield transformer
    transformer.second = None


def learn_second_stage(transformer: Transformer, validation: HeldOut) -> None:
    transformer.learn_second_stage(
        grouped(),
        shelves(ITEMS),
        validation,
        retrieval=transformer.vectors,
        until=time.monotonic() + 60,
        seed=0,
        progress=None,
    )


def test_a_member_of_a_blend_comes_without_its_second_stage(both):
    blend = Hybrid()

    blend.blend({"transformer": both}, None, seed=0)

    (member,) = blend.members.values()
    assert isinstance(member, Transformer)
    assert member.second is None
    assert both.second is not None
    # What the second stage holds counts: likenesses and popularity of all items.
    assert both.parameters - member.parameters > ITEMS * (ITEMS + 1)


def test_what_nobody_has_met_is_explained_by_its_place_among_the_others(both):
    both.second.met[6] = False
    new = 6
    found, shorter = (
        both.recommend([history], ITEMS, exclude=[history.item]) for history in (HISTORY, HISTORY.without(1))
    )

    contributions = both.explain(HISTORY, new)

    scores = [one.scores[0][one.items[0] == new][0] for one in (found, shorter)]
    assert contributions[1] == pytest.approx(scores[0] - scores[1], abs=1e-4)


def test_the_second_stage_puts_in_order_what_the_first_proposes(both):
    first = both.propose([HISTORY], ITEMS)

    found = both.recommend([HISTORY], ITEMS)

    assert set(found.items[0, :2].tolist()) == {5, 7}
    assert sorted(found.items[0]) == sorted(first.items[0])


def test_a_contribution_is_what_both_stages_score_less_without_it(both):
    found, shorter = (both.recommend([history], ITEMS) for history in (HISTORY, HISTORY.without(1)))

    with_it, without = (one.scores[0][one.items[0] == 5][0] for one in (found, shorter))

    assert both.explain(HISTORY, 5)[1] == pytest.approx(with_it - without, abs=1e-5)


def test_both_stages_are_kept(both, tmp_path):
    both.save(tmp_path / "transformer")

    again = small_transformer()
    again.load(tmp_path / "transformer")

    assert again.recommend([HISTORY], ITEMS).items.tolist() == both.recommend([HISTORY], ITEMS).items.tolist()


def test_without_a_second_stage_none_comes_back(transformer, tmp_path):
    transformer.save(tmp_path / "transformer")
    again = small_transformer()
    again.second = second_stage_that_wants([5])

    again.load(tmp_path / "transformer")

    assert again.second is None


def test_final_scores_rank_as_the_recommender_does(both):
    found = both.recommend([HISTORY], ITEMS, exclude=[HISTORY.item])

    scores = both.final_scores([HISTORY])[0]

    scores[HISTORY.item] = -np.inf
    kept = found.items[0][found.items[0] >= 0]
    assert np.argsort(-scores, kind="stable")[: len(kept)].tolist() == kept.tolist()


@pytest.mark.parametrize("wanted", [2.0, 100.0])
def test_what_stands_behind_the_hundred_stays_behind_in_final_scores(both, monkeypatch, wanted: float):
    monkeypatch.setattr(two_stages, "PLACES", 2)
    monkeypatch.setattr(stage, "PLACES", 2)
    both.second.weights = {Head.PURCHASE: -1.0}
    had = [HISTORY.item]
    popular = both.propose([HISTORY], 2, exclude=had).items[0]
    both.second.popular[popular] = wanted
    answer = both.recommend([HISTORY], ITEMS, exclude=had)
    found = answer.items[0]

    scores = both.final_scores([HISTORY])[0]

    scores[HISTORY.item] = -np.inf
    assert set(found[:2]) == set(popular)
    if wanted == 2.0:
        assert np.argsort(-scores, kind="stable")[: len(found) - 2].tolist() == found[:-2].tolist()
    # At 100, thousands below, single precision makes equals of some that differ: of those the order of the list.
    listed = np.argsort(-scores[found[:-2]], kind="stable")
    assert found[:-2][listed].tolist() == found[:-2].tolist()
    assert set(np.argsort(-scores)[: len(found) - 2]) == set(found[:-2])
    # An explanation is a difference of the latter, and of what is shown.
    assert scores[found[:-2]] == pytest.approx(answer.scores[0][:-2])


@pytest.mark.parametrize("places", [2, 100])
def test_what_a_shopper_had_stands_behind_as_many_of_the_others_as_the_first_stage_put_before_it(
    both, monkeypatch, places: int
):
    monkeypatch.setattr(two_stages, "PLACES", places)
    monkeypatch.setattr(stage, "PLACES", places)
    both.second.weights = {Head.PURCHASE: -1.0}
    both.second.popular[both.propose([HISTORY], 2, exclude=[HISTORY.item]).items[0]] = 100.0
    others = np.setdiff1d(np.arange(ITEMS), HISTORY.item)

    first, final = both.scores([HISTORY])[0], both.final_scores([HISTORY])[0]

    assert (final[others] < first[others] - 1e-3).any()
    for own in HISTORY.item:
        assert (final[others] > final[own]).sum() == (first[others] > first[own]).sum()


def test_a_second_stage_is_judged_with_the_owners_weights(transformer, monkeypatch):
    made = []
    monkeypatch.setattr(two_stages, "judged", lambda make, *_, **__: made.append(make()))
    monkeypatch.setattr(transformer, "heads", transformer.heads)
    transformer.mix({Head.PURCHASE: 0.5})
    held_out = HeldOut([HISTORY] * 4, [np.array([6])] * 4, [HISTORY.item] * 4)

    learn_second_stage(transformer, held_out)

    assert made[0].weights == {Head.PURCHASE: 0.5}


def test_a_transformers_is_not_judged_by_those_on_whom_its_epoch_was_chosen(monkeypatch):
    told = []
    monkeypatch.setattr(two_stages, "judged", lambda *_, chosen_on, **__: told.append(chosen_on))
    monkeypatch.setattr(transformer_module, "VALIDATION_ROWS", 4)
    rows = 10
    held_out = HeldOut([HISTORY] * rows, [np.array([6])] * rows, [HISTORY.item] * rows)

    small_transformer(epochs=1).fit(grouped(), shelves(ITEMS), budget=Budget(60), seed=3, validation=held_out)

    assert told[0].tolist() == held_out.sample(4, seed=3).users.tolist()


def test_what_serves_hears_the_heads_that_were_judged(transformer, monkeypatch):
    hide = np.array([head == Head.HIDE for head in HEADS])
    sure = Paired(0.1, Interval(0.05, 0.15), 0.0)
    monkeypatch.setattr(two_stages, "judged", lambda *_, **__: Verdict(0.1, 0.2, sure, PASSES, hide))
    rows, had = [HISTORY] * 400, [HISTORY.item] * 400
    hidden = HeldOut(rows, [np.array([5])] * 400, had, kinds=np.full(400, int(Kind.HIDE)))

    learn_second_stage(transformer, HeldOut(rows, [np.array([6])] * 400, had, complaints=hidden))

    assert transformer.second.taught.tolist() == hide.tolist()
    transformer.second = None


def test_where_each_half_taught_another_head_nothing_that_was_judged_can_serve():
    sure = Paired(0.1, Interval(0.05, 0.15), 0.0)

    assert Verdict(0.1, 0.2, sure, PASSES, np.array([True, False])).worth_it
    assert not Verdict(0.1, 0.2, sure, PASSES, np.array([False, False])).worth_it


def test_what_is_not_shown_takes_no_place_among_the_hundred_that_are_corrected(both, monkeypatch):
    monkeypatch.setattr(two_stages, "PLACES", 4)
    known = both.propose([HISTORY], 4, exclude=[HISTORY.item]).items[0]
    found = both.recommend([HISTORY], 4, exclude=[np.concatenate([HISTORY.item, known])])

    scores = both.final_scores([HISTORY], exclude=[known])[0]

    assert scores[found.items[0]] == pytest.approx(found.scores[0])
    assert both.final_scores([HISTORY])[0, found.items[0]] != pytest.approx(found.scores[0])


def test_the_owner_mixes_the_heads_of_what_is_served(both):
    served = ServedRecommender(both, np.arange(ITEMS))
    others = np.setdiff1d(np.arange(ITEMS), HISTORY.item)
    before = served.scores([HISTORY])[0]

    mixed = served.mixed({Head.PURCHASE: -1.0})

    assert others[before[others].argmax()] in (5, 7)
    assert others[mixed.scores([HISTORY])[0, others].argmax()] not in (5, 7)
    assert (served.scores([HISTORY])[0] == before).all()


def test_it_learns_from_what_was_complained_of_beside_what_was_wanted(transformer, monkeypatch):
    told = []
    monkeypatch.setattr(two_stages, "judged", lambda make, answers, **_: told.append(answers))
    rows, had = [HISTORY] * 4, [HISTORY.item] * 4
    hidden = HeldOut(rows, [np.array([5])] * 4, had, kinds=np.full(4, int(Kind.HIDE)))
    wanted = HeldOut(rows, [np.array([6])] * 4, had, complaints=hidden)

    learn_second_stage(transformer, wanted)

    assert [HEADS[head] for head in told[0].head] == [Head.PURCHASE] * 4 + [Head.HIDE] * 4
    assert told[0].wishes.tolist() == [0, 1, 2, 3]


def test_no_complaints_and_an_empty_list_of_them_are_the_same(transformer, monkeypatch):
    told = []
    monkeypatch.setattr(two_stages, "judged", lambda make, answers, **_: told.append(answers))

    # As it is where all that was complained of is cold.
    learn_second_stage(
        transformer, HeldOut([HISTORY], [np.array([6])], [HISTORY.item], complaints=HeldOut([], [], []))
    )

    assert told[0].head.tolist() == [HEADS.index(Head.PURCHASE)]
