"""The second stage: what it learns, and what it leaves alone."""

from dataclasses import replace

import numpy as np
import pytest

from recs.engine.artifact import Artifact, ArtifactError
from recs.engine.interactions import HeldOut, History, Kind
from recs.engine.metrics import hits, ndcg
from recs.engine.recommenders.second_stage import learning
from recs.engine.recommenders.second_stage.answers import (
    AT_ONCE,
    HEADS,
    PLACES,
    Head,
    Proposals,
    answers,
    head_of,
)
from recs.engine.recommenders.second_stage.learning import FEWEST_PASSES, OutOfTime
from recs.engine.recommenders.second_stage.stage import SecondStage
from recs.engine.recommenders.second_stage.verdict import judged
from tests.recs.engine.recommenders.second_stage.shoppers import GROUPS, ITEMS, SHOPPERS, Blind, stage, told

HISTORY = [History.of_items([0, 1, 8])]
LIST = Blind().propose(HISTORY, ITEMS)


def proposals(items: np.ndarray, scores: np.ndarray) -> Proposals:
    return Proposals(items, scores, np.zeros((*items.shape, 1), dtype=np.float32))


@pytest.fixture(scope="module")
def taught() -> SecondStage:
    learnt = stage()
    learnt.fit(told({Kind.PURCHASE: -1}), seed=0)
    return learnt


def test_what_is_like_the_newest_item_comes_first(taught):
    found = taught.rescored(LIST, HISTORY, ITEMS)

    assert set(found.items[0, : ITEMS // GROUPS] % GROUPS) == {8 % GROUPS}
    assert sorted(found.items[0]) == sorted(LIST.items[0])
    assert (np.diff(found.scores[0]) <= 0).all()


def test_without_answers_the_first_stage_decides():
    untaught = stage()
    untaught.fit(told({Kind.PURCHASE: -1}).of(np.arange(200)), seed=0)

    found = untaught.rescored(LIST, HISTORY, ITEMS)

    assert found.items.tolist() == LIST.items.tolist()
    assert found.scores.tolist() == LIST.scores.tolist()


def test_rows_whose_history_tells_nothing_teach_nothing():
    """Their first stage says popularity, in hundreds where others say one at most."""
    plain = told({Kind.PURCHASE: -1})
    few = np.arange(5)
    scores, histories = plain.proposals.scores.copy(), list(plain.histories)
    scores[few] *= 1_000
    for row in few:
        histories[row] = History.of_items([row], Kind.HIDE)
    mixed = replace(plain, histories=histories, proposals=replace(plain.proposals, scores=scores))
    alone, beside = stage(), stage()

    alone.fit(plain.of(np.arange(5, len(plain.histories))), seed=0, most=FEWEST_PASSES)
    beside.fit(mixed, seed=0, most=FEWEST_PASSES)

    assert beside.ranker.sharpness.item() == alone.ranker.sharpness.item()
    again = beside.corrections(HISTORY, LIST, LIST.scores)
    assert np.allclose(again, alone.corrections(HISTORY, LIST, LIST.scores), atol=1e-5)


def test_without_time_none_is_learnt():
    with pytest.raises(OutOfTime):
        stage().fit(told({Kind.PURCHASE: -1}), seed=0, until=0.0)


def test_an_empty_history_changes_nothing(taught):
    nobody = [History.of_items([])]

    assert taught.rescored(LIST, nobody, 5).items.tolist() == LIST.items[:, :5].tolist()


def test_a_candidate_asked_for_alone_is_corrected_as_in_its_list(taught):
    one = Proposals(LIST.items[:, 7:8], LIST.scores[:, 7:8], LIST.voices[:, 7:8])

    alone = taught.corrections(HISTORY, one, LIST.scores)

    assert np.allclose(alone, taught.corrections(HISTORY, LIST, LIST.scores)[:, 7:8], atol=1e-6)


def test_what_nobody_has_met_keeps_its_place_among_the_others(taught):
    new = [5, 8, 17, 40]
    taught.met[new] = False
    before = LIST.items[0].tolist()

    found = taught.rescored(LIST, HISTORY, ITEMS)

    after = found.items[0].tolist()
    assert after != before
    for item in new:
        others = [sum(one not in new for one in items[: items.index(item)]) for items in (before, after)]
        assert others[0] == others[1]
    assert (np.diff(found.scores[0]) <= 0).all()
    taught.met[new] = True


@pytest.mark.slow
def test_that_nobody_has_met_an_item_is_not_learnt_as_a_reason_against_it():
    """The items that are never right are those that nobody has met; of the others chance decides."""
    known = told({Kind.PURCHASE: -1}, chance=True)
    popular = np.ones(ITEMS, dtype=np.float32)
    popular[: ITEMS // 2] = 0.0
    right = np.concatenate(known.targets) >= ITEMS // 2
    learnt = stage(popular)

    learnt.fit(known.of(np.flatnonzero(right)), seed=0)

    items = learnt.rescored(LIST, HISTORY, ITEMS).items[0]
    assert (
        abs(np.flatnonzero(items < ITEMS // 2).mean() - np.flatnonzero(LIST.items[0] < ITEMS // 2).mean()) < 2
    )


def test_a_list_that_ends_early_stays_so(taught):
    short = proposals(np.array([[1, 2, 3, -1]]), np.array([[0.9, 0.8, 0.7, -np.inf]], dtype=np.float32))

    found = taught.rescored(short, HISTORY, 4)

    assert found.items[0, 0] == 2
    assert found.items[0, 3] == -1
    assert found.scores[0, 3] == -np.inf


def test_what_follows_the_first_hundred_stays_behind(taught):
    width = PLACES + 2
    long = proposals(np.arange(width)[None] % ITEMS, np.linspace(1, 0, width, dtype=np.float32)[None])

    found = taught.rescored(long, HISTORY, width)

    assert found.items[0, PLACES:].tolist() == long.items[0, PLACES:].tolist()
    assert (np.diff(found.scores[0]) <= 0).all()


@pytest.mark.slow
def test_the_owners_table_mixes_the_heads():
    both = stage()
    both.fit(told({Kind.PURCHASE: -1, Kind.VIEW: 0}), seed=0)

    both.weights = {Head.PURCHASE: 1.0}
    bought = both.rescored(LIST, HISTORY, 8).items[0]
    both.weights = {Head.VIEW: 1.0}
    viewed = both.rescored(LIST, HISTORY, 8).items[0]
    both.weights = {Head.PURCHASE: -1.0}
    least_bought = both.rescored(LIST, HISTORY, ITEMS).items[0, -8:]

    assert set(bought % GROUPS) == {2}
    # What is like one of the older items; which of the two is the harder part.
    assert set(viewed % GROUPS) <= {0, 1}
    assert set(least_bought % GROUPS) == {2}


def test_a_head_without_answers_is_silent(taught):
    taught_alone = dict(taught.weights)
    taught.weights = {Head.HIDE: -1.0}

    silent = taught.corrections(HISTORY, LIST, LIST.scores)

    taught.weights = taught_alone
    assert not silent.any()
    assert [head for head, known in zip(HEADS, taught.taught, strict=True) if known] == [Head.PURCHASE]


def test_packed_and_unpacked_it_corrects_the_same(taught):
    again = SecondStage.unpacked(taught.pack())

    before, after = (one.rescored(LIST, HISTORY, ITEMS) for one in (taught, again))

    assert after.items.tolist() == before.items.tolist()
    assert np.allclose(after.scores, before.scores)
    assert again.weights == taught.weights


def test_an_artifact_of_another_shape_is_refused(taught):
    packed = taught.pack()
    arrays = {**packed.arrays, "ranker.attend": np.zeros((2, 9), dtype=np.float32)}

    with pytest.raises(ArtifactError, match="second stage"):
        SecondStage.unpacked(Artifact(packed.recommender, packed.config, arrays))


@pytest.mark.slow
def test_it_is_kept_where_it_helps_shoppers_it_has_not_seen():
    verdict = judged(stage, told({Kind.PURCHASE: -1}), seed=0)

    assert verdict is not None
    assert verdict.worth_it
    assert verdict.both > 2 * verdict.first


@pytest.mark.slow
def test_it_is_compared_on_those_for_whom_the_first_stage_was_not_chosen(monkeypatch: pytest.MonkeyPatch):
    # What is learnt does not matter here.
    monkeypatch.setattr(learning, "PASSES", 1)
    monkeypatch.setattr(learning, "STEPS", 1)
    monkeypatch.setattr(learning, "FEWEST_PASSES", 1)
    answered = told({Kind.PURCHASE: -1})

    half = judged(stage, answered, seed=0, chosen_on=np.arange(SHOPPERS // 2))
    most = judged(stage, answered, seed=0, chosen_on=np.arange(SHOPPERS // 2 + 1))

    gains = ndcg(hits(answered.proposals.items, answered.targets), np.ones(SHOPPERS, dtype=np.int64), 10)
    assert half is not None
    assert half.first == pytest.approx(gains[SHOPPERS // 2 :].mean())
    assert most is not None
    assert most.first == pytest.approx(gains.mean())


@pytest.mark.slow
def test_it_is_dropped_where_answers_are_chance():
    verdict = judged(stage, told({Kind.PURCHASE: -1}, chance=True), seed=0)

    assert verdict is not None
    assert not verdict.worth_it


@pytest.mark.slow
def test_what_shoppers_hid_is_learnt_and_counts_for_no_quality():
    # By chance, so that only its own answers can tell the head what is hidden.
    wanted, hidden = told({Kind.PURCHASE: -1}, chance=True), told({Kind.HIDE: -1}, seed=1)
    both = stage()

    both.fit(wanted.joined(hidden), seed=0)
    both.weights = {Head.HIDE: -1.0}
    last = both.rescored(LIST, HISTORY, ITEMS).items[0, -8:]
    verdict = judged(stage, wanted.joined(hidden), seed=0)

    assert set(last % GROUPS) == {8 % GROUPS}
    assert verdict is not None
    gains = ndcg(
        hits(wanted.proposals.items, wanted.targets), np.ones(len(wanted.targets), dtype=np.int64), 10
    )
    assert verdict.first == pytest.approx(gains.mean())


@pytest.mark.slow
def test_a_head_with_enough_answers_in_the_whole_but_not_in_its_halves_is_not_judged():
    hidden = told({Kind.HIDE: 0}, seed=1).of(np.arange(450))
    both = told({Kind.PURCHASE: -1}).joined(replace(hidden, users=hidden.users + SHOPPERS))
    whole = stage()
    whole.fit(both, seed=0)

    verdict = judged(stage, both, seed=0)

    assert [HEADS[head] for head in np.flatnonzero(whole.taught)] == [Head.PURCHASE, Head.HIDE]
    assert [HEADS[head] for head in np.flatnonzero(verdict.taught)] == [Head.PURCHASE]


def test_a_few_shoppers_tell_nothing():
    assert judged(stage, told({Kind.PURCHASE: -1}).of(np.arange(10)), seed=0) is None


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        (Kind.CLICK, Head.VIEW),
        (Kind.CART_ADD, Head.CART),
        (Kind.PURCHASE, Head.PURCHASE),
        (Kind.RATING, Head.GOOD_RATING),
        (Kind.HIDE, Head.HIDE),
    ],
)
def test_each_answer_teaches_the_head_of_its_kind(kind, head):
    assert head_of(int(kind)) == head


def test_answers_know_what_was_right():
    known = told({Kind.PURCHASE: -1})

    assert known.hit.sum() == SHOPPERS
    assert (known.proposals.items[known.hit] == np.concatenate(known.targets)).all()


def test_when_time_is_over_fewer_rows_are_asked_for():
    rows = HeldOut(HISTORY * 600, [np.array([3])] * 600, [np.array([0, 1, 8])] * 600)

    assert len(answers(Blind(), rows, until=0.0).hit) == AT_ONCE
    assert len(answers(Blind(), rows).hit) == 600
