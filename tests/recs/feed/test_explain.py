import numpy as np
import pytest

from recs.engine.catalogue_scores import CatalogueScores
from recs.engine.interactions import Kind
from recs.feed.candidates import Contributions, FeedRequest, Proposal, Reason, Vector
from recs.feed.contributions import by_asking_again, by_leaving_out
from recs.feed.explain import CODES, NOTHING_KNOWN, explain, score_owed, without_each
from tests.recs.feed.stages import candidate, facts, recent, request

BAG = facts("Lunch bag", vector=[1, 0])


def reason(one, asked, mentioned=None, added=None) -> Reason:
    """``added``: what each product of the history adds to the score."""
    known = contributions(added) if added else NOTHING_KNOWN
    (found,) = explain([one], asked, {one.product_id: one.facts, **(mentioned or {})}, known)
    assert found.code in CODES
    return found


def owed_of(one, added: dict[int, float], asked: FeedRequest) -> dict[int, float]:
    return score_owed(one, added, asked, without_each(asked))


def contributions(added: dict[int, float]) -> Contributions:
    """To one candidate."""
    return Contributions(tuple(added), np.array([[value] for value in added.values()], dtype=np.float32))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind.VIEW, Reason("because_you_viewed", "Because you looked at Lunch bag", 9)),
        (Kind.CLICK, Reason("because_you_viewed", "Because you looked at Lunch bag", 9)),
        (Kind.CART_ADD, Reason("because_you_carted", "Because you put Lunch bag into your basket", 9)),
        (Kind.PURCHASE, Reason("because_you_bought", "Because you bought Lunch bag", 9)),
        (Kind.LIKE, Reason("because_you_liked", "Because you liked Lunch bag", 9)),
        (Kind.RATING, Reason("because_you_liked", "Because you rated Lunch bag", 9)),
    ],
)
def test_the_reason_says_what_the_shopper_did(kind, expected):
    one = candidate(1, "nearest", about=facts("Snack box", vector=[1, 0.1]))

    assert reason(one, request(personal=True, recent=(recent(9, kind),)), {9: BAG}, {9: 0.4}) == expected


def test_of_several_products_the_one_that_adds_most_is_the_reason():
    asked = request(personal=True, recent=(recent(7), recent(8)), causes=(recent(8), recent(9)))
    mentioned = {8: facts("Candle"), 9: BAG}

    assert reason(candidate(1, "nearest"), asked, mentioned, {8: 0.1, 9: 0.2}).product_id == 9


def test_of_equals_the_newer_one_is_the_reason():
    asked = request(personal=True, recent=(recent(8), recent(9)))

    assert reason(candidate(1, "nearest"), asked, {8: BAG, 9: BAG}, {8: 0.2, 9: 0.2}).product_id == 8


@pytest.mark.parametrize("added", [{9: -0.2}, {9: 0.0}, {9: 0.0004}, {}])
def test_what_adds_nothing_is_not_said_to_be_the_reason(added):
    one = candidate(1, "nearest", about=facts("Snack box", vector=[1, 0]))

    assert reason(one, request(personal=True, recent=(recent(9),)), {9: BAG}, added).code == "your_taste"


def test_what_adds_nothing_leaves_the_reason_to_the_other_sources():
    one = candidate(1, "nearest", popular_in_category=1.0, about=facts("Box", category="Bags"))

    asked = request(personal=True, recent=(recent(9),))
    assert reason(one, asked, {9: BAG}, {9: -0.2}).code == "popular_in_category"


def test_a_summand_for_likeness_to_a_product_is_owed_to_that_product():
    one = candidate(
        1, "similar_to_recent", 0.9, because=8, parts={"shopper_affinity": 0.7, "recent_affinity": 0.5}
    )
    asked = request(personal=True, recent=(recent(8), recent(9)))

    assert owed_of(one, {8: -0.1, 9: 0.3}, asked) == pytest.approx({8: 0.4, 9: 0.3})
    found = reason(one, asked, {8: facts("Candle"), 9: BAG}, {8: -0.1, 9: 0.3})
    assert (found.text, found.product_id) == ("Because you looked at Candle", 8)


def test_of_a_likeness_a_product_is_owed_what_the_next_best_would_not_give():
    """Worked out by hand: 0.6 for what was done last; without it that is what was done before."""
    one = candidate(1, "similar_to_recent", 0.9, because=8, parts={"recent_affinity": 0.54})
    one.proposals["similar_to_recent"] = Proposal(1, 0.9, 8, Proposal(1, 0.5, 9))
    asked = request(personal=True, recent=(recent(8), recent(9)))

    assert owed_of(one, {9: 0.35}, asked) == pytest.approx({8: 0.54 - 0.6 * 0.5, 9: 0.35})
    assert reason(one, asked, {8: facts("Candle"), 9: BAG}, {9: 0.35}).product_id == 9


def test_what_was_done_since_takes_weight_from_a_likeness():
    """Worked out by hand: 0.6 * 0.8 for what was done before the last, 0.6 without the last."""
    one = candidate(1, "similar_to_recent", 0.9, because=8, parts={"recent_affinity": 0.6 * 0.8 * 0.9})
    asked = request(personal=True, recent=(recent(9), recent(8)))

    owed = owed_of(one, {9: 0.5}, asked)

    assert owed == pytest.approx({8: 0.6 * 0.8 * 0.9, 9: 0.5 - 0.6 * 0.2 * 0.9})
    told = reason(one, asked, {8: BAG, 9: BAG}, {9: 0.5})
    assert (told.product_id, list(told.owed)) == (8, [8, 9])


def test_of_products_that_stand_in_for_one_another_the_one_that_likeness_was_measured_to_is_named():
    one = candidate(1, "alike_in_words", parts={"word_affinity": 0.32})
    one.proposals["alike_in_words"] = Proposal(1, 0.8, 8, Proposal(1, 0.8, 9))
    asked = request(personal=True, recent=(recent(8), recent(9)))

    assert owed_of(one, {}, asked) == pytest.approx({8: 0.0}, abs=1e-6)
    told = reason(one, asked, {8: facts("Candle"), 9: BAG})
    assert (told.code, told.product_id) == ("because_you_viewed", 8)


def test_a_newcomer_owes_both_its_summands_to_the_product_it_is_most_like():
    one = candidate(1, "newcomers", parts={"word_affinity": 0.4 * 0.8, "newcomer": 0.7 * 0.8})
    one.proposals["newcomers"] = Proposal(1, 0.8, 8, Proposal(1, 0.5, 9))

    owed = owed_of(one, {}, request(personal=True, recent=(recent(8), recent(9))))

    assert owed == pytest.approx({8: (0.4 + 0.7) * (0.8 - 0.5)})


def test_without_a_scorer_that_weighs_it_the_likeness_itself_is_owed():
    one = candidate(1, "similar_to_recent")
    one.proposals["similar_to_recent"] = Proposal(1, 0.9, 8, Proposal(1, 0.5, 9))

    assert owed_of(one, {}, request(personal=True)) == pytest.approx({8: 0.4})


def test_what_the_model_takes_away_for_it_counts_against_all_of_a_likeness():
    one = candidate(1, "alike_in_words", parts={"word_affinity": 0.32})
    one.proposals["alike_in_words"] = Proposal(1, 0.8, 8, Proposal(1, 0.8, 9))
    asked = request(personal=True, recent=(recent(8), recent(9)))
    known = {8: facts("Candle"), 9: BAG}

    assert reason(one, asked, known, {8: -0.05, 9: -0.05}).product_id == 8
    assert reason(one, asked, known, {8: -0.4, 9: -0.4}).code == "your_taste"


def test_a_product_that_takes_away_more_than_its_likeness_gives_is_no_reason():
    one = candidate(1, "similar_to_recent", 0.9, because=8, parts={"recent_affinity": 0.2})
    asked = request(personal=True, recent=(recent(8),))

    assert reason(one, asked, {8: facts("Candle")}, {8: -0.3}).code == "your_taste"


def test_without_a_model_what_is_named_alike_is_the_reason():
    one = candidate(1, "alike_in_words", 0.8, because=9, parts={"word_affinity": 0.32})

    assert reason(one, request(personal=True, recent=(recent(9),)), {9: BAG}).product_id == 9


def test_a_product_that_is_no_longer_shown_is_not_spoken_of():
    mentioned = {9: facts("Recalled bag", visible=False)}
    asked = request(personal=True, recent=(recent(9),))

    found = reason(candidate(1, "nearest"), asked, mentioned, {9: 0.4})

    assert (found.code, found.product_id) == ("your_taste", None)


def test_a_product_is_not_its_own_reason():
    one = candidate(9, "nearest", about=BAG)
    asked = request(personal=True, recent=(recent(9),), include_bought=True)

    assert reason(one, asked, added={9: 0.4}).code == "your_taste"


@pytest.mark.parametrize(("affinity", "code"), [(0.4, "your_taste"), (-0.4, "given"), (0.0, "given")])
def test_of_a_list_that_was_given_only_what_suits_is_said_to(affinity, code):
    one = candidate(1, "given", parts={"shopper_affinity": affinity})

    assert reason(one, request("rerank", personal=True, recent=(recent(9),)), {9: BAG}).code == code


def test_contributions_are_scores_with_and_without():
    """Worked out by hand: two products of the history, one candidate with a place and one without."""

    class Found:
        items = np.array([8, 9])
        whole: Vector = np.array([0.6, 0.8], dtype=np.float32)
        without: Vector = np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32)

    placed = candidate(1, about=facts("Box", vector=[1, 0]))

    found = by_leaving_out(Found)([placed, candidate(2)], FeedRequest("home", 2))

    assert found.product_ids == (8, 9)
    assert found.values.tolist() == [[pytest.approx(0.6), 0.0], [pytest.approx(-0.4), 0.0]]
    assert found.to(0) == pytest.approx({8: 0.6, 9: -0.4})


def test_what_the_recommender_does_not_know_owes_its_score_to_the_vectors():
    """Worked out by hand: it knows products 1 and 8; 9 is in the history and as new to it as candidate 2."""
    scores = CatalogueScores(np.array([1, 8]), np.array([0.7, 1.0], dtype=np.float32))
    asked_of_vectors: list[int] = []

    def by_vector(candidates, asked) -> Contributions:
        asked_of_vectors.extend(one.product_id for one in candidates)
        return Contributions((9, 8), np.array([[0.25], [0.5]], dtype=np.float32))

    again = by_asking_again(lambda: (np.array([8]), np.array([[0.2, 0.0]], dtype=np.float32)), by_vector)

    found = again([candidate(1), candidate(2)], FeedRequest("home", 2, scores=scores))

    assert asked_of_vectors == [2]
    assert found.product_ids == (9, 8)
    assert found.values.tolist() == [[0.0, 0.25], [pytest.approx(0.5), 0.5]]


def test_the_vectors_are_not_asked_where_the_recommender_knows_the_whole_page():
    scores = CatalogueScores(np.array([1, 8]), np.array([0.75, 1.0], dtype=np.float32))
    again = by_asking_again(
        lambda: (np.array([8]), np.array([[0.25, 0.0]], dtype=np.float32)), lambda *_: 1 / 0
    )

    found = again([candidate(1)], FeedRequest("home", 1, scores=scores))

    assert (found.product_ids, found.values.tolist()) == ((8,), [[0.5]])


def test_without_a_history_the_reason_is_trending_or_new():
    assert reason(candidate(1, "trending"), request()) == Reason("trending", "Popular right now")
    assert reason(candidate(1, "new"), request()) == Reason("new", "New in the shop")
    assert reason(candidate(1, "trending", new=1.0), request()).code == "trending"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("bought_together", Reason("goes_with", "Often bought together with Lunch bag", 9)),
        ("similar", Reason("similar_to", "Similar to Lunch bag", 9)),
    ],
)
def test_in_a_feed_about_a_product_the_reason_is_that_product(source, expected):
    asked = request("similar", product_id=9, personal=True, recent=(recent(9),))

    assert (
        reason(candidate(1, source, because=9, about=facts("Box", vector=[1, 0])), asked, {9: BAG})
        == expected
    )


def test_bought_together_says_more_than_alike():
    one = candidate(1, "similar", because=9)
    one.proposals["bought_together"] = candidate(1, "bought_together", because=9).proposals["bought_together"]

    assert reason(one, request("cart", in_cart=(9,)), {9: BAG}).code == "goes_with"


def test_popular_in_a_category_names_it():
    one = candidate(1, "popular_in_category", about=facts("Box", category="Bags"))

    assert reason(one, request(personal=True, recent=(recent(9),))).text == "Popular in Bags"


def test_a_match_of_a_search_says_so():
    assert reason(candidate(1, "matches"), request("search", query="bag")).code == "matches_search"


def test_a_newcomer_owes_its_place_to_the_product_it_is_named_like():
    one = candidate(1, "newcomers", 0.7, because=9, about=facts("Snack box with a fox"))
    mentioned = {8: facts("Snack box", vector=[1, 0]), 9: BAG}

    found = reason(one, request(personal=True, recent=(recent(8), recent(9))), mentioned)

    assert (found.code, found.product_id) == ("because_you_viewed", 9)
