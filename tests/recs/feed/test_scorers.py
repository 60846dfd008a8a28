import numpy as np
import pytest

from recs.engine.catalogue_scores import CatalogueScores
from recs.feed import scorers
from tests.recs.feed.stages import candidate, facts, recent, request, unit

EVERY_SCORER = [
    scorers.shopper_affinity,
    scorers.model_affinity,
    scorers.recent_affinity,
    scorers.word_affinity,
    scorers.newcomer,
    scorers.best_place,
    scorers.first_source_first("trending", "new"),
    scorers.popularity,
    scorers.agreement,
]


@pytest.mark.parametrize("scorer", EVERY_SCORER)
def test_a_scorer_gives_each_candidate_a_number_within_bounds(scorer):
    given = [candidate(1, "trending", 9000.0), candidate(2, "new", -5.0), candidate(3, "unheard_of", 0.0)]

    scores = scorer(given, request(vector=unit([1, 0]), recent=(recent(9),), personal=True))

    assert scores.shape == (3,)
    assert np.all(np.isfinite(scores))
    assert np.all(np.abs(scores) <= 1)


@pytest.mark.parametrize("scorer", EVERY_SCORER)
def test_a_scorer_of_nothing_gives_nothing(scorer):
    assert len(scorer([], request(vector=unit([1, 0])))) == 0


def test_affinity_is_the_inner_product_with_the_shoppers_vector():
    given = [candidate(1, about=facts(vector=[0, 2])), candidate(2, about=facts(vector=[3, 0])), candidate(3)]

    scores = scorers.shopper_affinity(given, request(vector=unit([3, 4])))

    assert scores == pytest.approx([0.8, 0.6, 0.0])


def test_affinity_without_a_vector_says_nothing():
    assert scorers.shopper_affinity([candidate(1)], request()).tolist() == [0.0]


def test_nearness_to_a_recent_product_counts_less_the_longer_ago_it_is():
    given = [
        candidate(1, "similar_to_recent", 0.5, because=10),
        candidate(2, "similar_to_recent", 0.5, because=11),
        candidate(3, "similar_to_recent", 0.5, because=99),
        candidate(4, "trending", 0.5),
    ]

    scores = scorers.recent_affinity(given, request(recent=(recent(10), recent(11))))

    assert scores == pytest.approx([0.3, 0.24, 0.0, 0.0])


def test_the_best_place_in_any_source_counts():
    given = [
        candidate(1, "trending", 30.0, new=1.0),
        candidate(2, "trending", 20.0),
        candidate(3, "trending", 10.0, new=2.0),
    ]

    assert scorers.best_place(given, request()) == pytest.approx([1.0, 2 / 3, 1.0])


def test_the_second_source_fills_up_below_the_whole_first_one():
    given = [
        candidate(1, "filler", 100.0),
        candidate(2, "leader", 0.1),
        candidate(3, "leader", 0.2, filler=99.0),
        candidate(4, "filler", 50.0),
        candidate(5, "neither", 1000.0),
    ]

    scores = scorers.first_source_first("leader", "filler")(given, request())

    assert scores == pytest.approx([0.5, 0.75, 1.0, 0.25, 0.0])


def test_popularity_is_measured_against_the_most_wanted_candidate():
    given = [
        candidate(1, about=facts(popularity=np.e**2 - 1)),
        candidate(2, about=facts(popularity=np.e - 1)),
        candidate(3, about=facts(popularity=0)),
    ]

    assert scorers.popularity(given, request()) == pytest.approx([0.1, 0.05, 0.0])


def test_each_further_source_adds_a_little():
    given = [candidate(1, "trending"), candidate(2, "trending", new=1.0, nearest=1.0)]

    assert scorers.agreement(given, request()) == pytest.approx([0.0, 0.04])


def test_a_newcomer_gains_by_its_words_what_others_gain_by_neighbours_and_buyers():
    met, alike = candidate(1, "newcomers", 0.5), candidate(2, "alike_in_words", 0.5)

    gained = scorers.newcomer([met, alike], request()) + scorers.word_affinity([met, alike], request())

    assert gained == pytest.approx(
        [0.5 * (scorers.NEWCOMER_WEIGHT + scorers.WORD_WEIGHT), 0.5 * scorers.WORD_WEIGHT]
    )


def test_what_the_recommender_does_not_know_keeps_the_score_of_the_vectors():
    known = CatalogueScores(np.array([1, 2]), np.array([1.0, 0.25], dtype=np.float32))
    given = [candidate(number, about=facts(vector=[0, 2])) for number in (2, 3, 1)]

    scores = scorers.model_affinity(given, request(vector=unit([3, 4]), scores=known))

    assert scores == pytest.approx([0.25, 0.8, 1.0])
