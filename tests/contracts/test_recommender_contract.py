"""What every recommender promises, checked on each of them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from recs.engine.interactions import HeldOut, History, Items, Kind
from recs.engine.recommender import Budget, Progress, VectorRecommender
from recs.engine.recommenders import scoring
from recs.engine.recommenders.scoring import ScoringRecommender
from tests.contracts.small_recommenders import (
    ALL_MAKERS,
    GROUPS,
    ITEMS,
    MAKERS,
    Killed,
    every_recommender,
    fit,
    fitted,
    grouped,
    held_out,
    interactions_of,
    shelves,
)


@every_recommender
def test_the_same_seed_gives_the_same_answer(name: str):
    histories = [History.of_items([0, 3]), History.of_items([7])]

    first, second = (fit(name, grouped()).recommend(histories, 5) for _ in range(2))

    assert first.items.tolist() == second.items.tolist()
    assert np.allclose(first.scores, second.scores)


@every_recommender
def test_a_fit_that_was_interrupted_and_goes_on_ends_as_one_that_was_not(name: str, tmp_path: Path):
    data, items, histories = grouped(), shelves(ITEMS), [History.of_items([0, 3]), History.of_items([7])]
    killed: list[Progress] = []
    again: list[Progress] = []

    def kill(progress: Progress) -> None:
        killed.append(progress)
        by_epochs = {"epoch", "interactions"} & progress.figures.keys()
        if progress.figures.get("epoch") == 2 or (len(killed) == 3 and not by_epochs):
            raise Killed

    budget = Budget(seconds=30, checkpoint=tmp_path)
    # Popularity has nothing to tell of in between.
    with nullcontext() if name == "popularity" else pytest.raises(Killed):
        ALL_MAKERS[name]().fit(data, items, budget=budget, seed=1, validation=held_out(), progress=kill)
    resumed, whole = ALL_MAKERS[name](), ALL_MAKERS[name]()
    resumed.fit(data, items, budget=budget, seed=1, validation=held_out(), progress=again.append)
    whole.fit(data, items, budget=Budget(seconds=30), seed=1, validation=held_out())

    # Nothing that was learnt is learnt again: an epoch would not take as long twice.
    assert _seconds_of_epochs(killed) == _seconds_of_epochs(again)[: len(_seconds_of_epochs(killed))]
    found, expected = resumed.recommend(histories, 5), whole.recommend(histories, 5)
    assert found.items.tolist() == expected.items.tolist()
    assert found.scores == pytest.approx(expected.scores, abs=2e-3)


def _seconds_of_epochs(told: list[Progress]) -> list[tuple[str, float, float]]:
    figures = [(step.stage, step.figures) for step in told if "epoch" in step.figures]
    return [(stage, some["epoch"], some["seconds"]) for stage, some in figures]


@every_recommender
def test_interactions_with_another_catalogue_are_refused_in_words(name: str):
    data, few = grouped(), Budget(seconds=5)

    with pytest.raises(ValueError, match=r"items 0 to 23, the catalogue has 0 to 9"):
        ALL_MAKERS[name]().fit(data, Items(count=10), budget=few, seed=1)
    with pytest.raises(ValueError, match="no items"):
        ALL_MAKERS[name]().fit(interactions_of([], 0), Items(count=0), budget=few, seed=1)


@every_recommender
def test_what_is_excluded_for_other_histories_is_refused_in_words(name: str):
    asked = [History.of_items([0, 3]), History.of_items([7])]

    with pytest.raises(ValueError, match="for 1 histories, expected 2"):
        fitted(name).recommend(asked, 3, exclude=[np.array([1])])


@every_recommender
def test_what_is_excluded_is_never_returned(name: str):
    excluded = np.arange(0, ITEMS, 2)

    found = fitted(name).recommend([History.of_items([0, 3])], ITEMS, exclude=[excluded])

    assert not set(found.items[0].tolist()) & set(excluded.tolist())
    assert (found.items[0] >= 0).sum() == ITEMS - len(excluded)


@every_recommender
def test_only_what_it_may_choose_among_is_returned(name: str):
    among = np.array([1, -1, 2, ITEMS, 3])

    found = fitted(name).recommend([History.of_items([0])], 5, among=among)

    assert sorted(found.items[0][:3].tolist()) == [1, 2, 3]
    assert found.items[0][3:].tolist() == [-1, -1]


@every_recommender
def test_scores_fall(name: str):
    found = fitted(name).recommend([History.of_items([0, 3, 6])], 10)

    assert (np.diff(found.scores[0]) <= 1e-6).all()


@every_recommender
def test_an_empty_history_is_answered(name: str):
    found = fitted(name).recommend([History.of_items([])], 5)

    assert (found.items[0] >= 0).all()


@every_recommender
def test_where_nobody_asks_or_nothing_is_asked_for_the_answer_is_empty(name: str):
    recommender = fitted(name)

    nobody = recommender.recommend([], 5)
    nothing = recommender.recommend([History.of_items([0]), History.of_items([])], 0)

    assert nobody.items.shape == nobody.scores.shape == (0, 5)
    assert nothing.items.shape == nothing.scores.shape == (2, 0)


@every_recommender
def test_items_outside_the_catalogue_are_passed_over(name: str):
    recommender = fitted(name)

    strange = recommender.recommend([History.of_items([-1, 0, ITEMS, -1, 3, ITEMS + 7])], 5)
    plain = recommender.recommend([History.of_items([0, 3])], 5)

    assert strange.items.tolist() == plain.items.tolist()


@every_recommender
def test_what_was_done_to_items_outside_the_catalogue_is_not_learnt_from(name: str):
    plain = grouped()
    # Before each fifth interaction one of the same user, the first of them a hide.
    source = np.repeat(np.arange(len(plain)), 1 + (np.arange(len(plain)) % 5 == 0))
    strange = plain.kept(source)
    added = np.flatnonzero(np.diff(source) == 0)
    strange.item[added] = -1
    strange.kind[added[0]] = int(Kind.HIDE)
    histories = [History.of_items([0, 3]), History.of_items([7])]

    found, expected = (fit(name, data).recommend(histories, 5) for data in (strange, plain))

    assert found.items.tolist() == expected.items.tolist()
    assert found.scores == pytest.approx(expected.scores, abs=1e-5)


@every_recommender
@pytest.mark.parametrize(
    "validation", [None, HeldOut([History.of_items([0])], [np.array([0])], [np.array([0, 7])])]
)
def test_one_user_and_one_item_are_enough(name: str, validation: HeldOut | None):
    """Also where whoever is to be chosen on has had the whole catalogue, and more."""
    recommender = fit(name, interactions_of([[0]], 1), validation)

    assert recommender.recommend([History.of_items([0])], 2).items.tolist() == [[0, -1]]


@every_recommender
def test_an_item_never_seen_is_ranked_and_may_stand_in_a_history(name: str):
    recommender = fit(name, interactions_of([[0, 3, 6], [0, 3], [1, 4], [1, 4, 7]], ITEMS))
    unseen = ITEMS - 1

    ranked = recommender.recommend([History.of_items([0])], ITEMS)
    asked = recommender.recommend([History.of_items([unseen])], 3, exclude=[np.array([unseen])])

    assert unseen in ranked.items[0]
    assert np.isfinite(ranked.scores).all()
    assert (asked.items >= 0).all()
    assert np.isfinite(asked.scores).all()


@every_recommender
def test_data_without_a_single_wish_is_no_failure(name: str):
    data = interactions_of([[0, 1], [2]], 3)
    data.kind[:] = int(Kind.HIDE)

    found = fit(name, data).recommend([History.of_items([]), History.of_items([0])], 3)

    assert sorted(found.items[0].tolist()) == [0, 1, 2]
    assert np.isfinite(found.scores).all()


@every_recommender
def test_saved_and_loaded_it_scores_the_same(name: str, tmp_path: Path):
    recommender, again = fitted(name), ALL_MAKERS[name]()
    recommender.save(tmp_path / "saved")
    again.load(tmp_path / "saved")
    histories = [History.of_items([0, 3]), History.of_items([])]

    before, after = recommender.recommend(histories, 6), again.recommend(histories, 6)

    assert before.items.tolist() == after.items.tolist()
    assert np.allclose(before.scores, after.scores)
    assert again.parameters == recommender.parameters > 0


@every_recommender
def test_an_explanation_has_a_number_for_each_interaction(name: str):
    found = fitted(name).explain(History.of_items([0, -1, 3]), 6)

    assert found.shape == (3,)
    assert found[1] == pytest.approx(0.0, abs=1e-5)


@every_recommender
def test_an_explanation_is_the_score_with_an_interaction_minus_the_score_without_it(name: str):
    recommender = fitted(name)
    assert isinstance(recommender, ScoringRecommender)
    # One of them twice, a hide that takes something back, and items outside the catalogue.
    history = History.of_items([0, 3, 7, 0, -1, 6, 7, ITEMS])
    history.kind[6] = int(Kind.HIDE)
    left = [history, *(history.without(place) for place in range(len(history)))]

    scores = np.concatenate([recommender.final_scores([one]) for one in left])
    rounding = 2e-6 * float(np.abs(scores).max())

    for item in (0, 1, 7, 9):
        expected = scores[0, item] - scores[1:, item]
        assert recommender.explain(history, item) == pytest.approx(expected, abs=rounding)


@every_recommender
def test_an_explanation_that_is_asked_in_parts_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch):
    recommender, history = fitted(name), History.of_items([0, 3, 7, 1, 6, 4, 2])
    together = recommender.explain(history, 9)

    monkeypatch.setattr(scoring, "ASKED_AT_ONCE", 3)

    assert recommender.explain(history, 9) == pytest.approx(together, abs=1e-5)


@every_recommender
def test_a_history_left_without_a_wish_counts_for_nothing_in_an_explanation(name: str):
    recommender = fitted(name)
    assert isinstance(recommender, ScoringRecommender)
    history = History.of_items([3, 0])
    history.kind[0] = int(Kind.HIDE)

    with_both, without_hide = recommender.final_scores([history, history.without(0)])[:, 9]

    assert recommender.explain(history, 9) == pytest.approx([with_both - without_hide, with_both], abs=1e-5)


@every_recommender
@pytest.mark.parametrize("item", [-1, ITEMS, ITEMS + 7])
def test_nothing_explains_an_item_outside_the_catalogue(name: str, item: int):
    assert fitted(name).explain(History.of_items([0, 3]), item).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["content_based", "matrix_factorization", "transformer"])
def test_a_score_of_those_who_have_vectors_is_an_inner_product(name: str):
    recommender = fitted(name)
    assert isinstance(recommender, VectorRecommender)
    assert isinstance(recommender, ScoringRecommender)
    histories = [History.of_items([0, 3]), History.of_items([7, 1, 4])]

    users = recommender.encode(histories)
    vectors = recommender.item_vectors(shelves(ITEMS), known=np.arange(ITEMS))

    assert users.shape == (2, recommender.dimension)
    assert users @ vectors.T == pytest.approx(recommender.scores(histories), abs=1e-5)


def test_no_others_have_vectors():
    have = [name for name in MAKERS if isinstance(fitted(name), VectorRecommender)]

    assert have == ["content_based", "matrix_factorization", "transformer"]


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "popularity"])
def test_those_who_read_the_history_find_its_group(name: str):
    found = fitted(name).recommend([History.of_items([0, 3, 6])], 4, exclude=[np.array([0, 3, 6])])

    assert {int(item) % GROUPS for item in found.items[0]} == {0}
