import pytest

from recs.engine.interactions import Kind
from recs.feed.candidates import Reason
from recs.feed.explain import CODES, explain
from tests.recs.feed.stages import candidate, facts, recent, request

BAG = facts("Lunch bag", vector=[1, 0])


def reason(one, asked, mentioned=None) -> Reason:
    (found,) = explain([one], asked, {one.product_id: one.facts, **(mentioned or {})})
    assert found.code in CODES
    return found


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

    assert reason(one, request(personal=True, recent=(recent(9, kind),)), {9: BAG}) == expected


def test_of_several_recent_products_the_most_alike_is_the_reason():
    one = candidate(1, "nearest", about=facts("Snack box", vector=[1, 0.2]))
    mentioned = {8: facts("Candle", vector=[0.5, 1]), 9: BAG}

    assert reason(one, request(personal=True, recent=(recent(8), recent(9))), mentioned).product_id == 9


def test_of_equals_the_newer_one_is_the_reason():
    one = candidate(1, "nearest", about=facts("Snack box", vector=[1, 0]))

    assert (
        reason(one, request(personal=True, recent=(recent(8), recent(9))), {8: BAG, 9: BAG}).product_id == 8
    )


def test_a_product_like_nothing_in_the_history_suits_the_taste_as_a_whole():
    one = candidate(1, "nearest", about=facts("Snack box", vector=[0, 1]))

    assert reason(one, request(personal=True, recent=(recent(9),)), {9: BAG}).code == "your_taste"


def test_a_product_that_is_no_longer_shown_is_not_spoken_of():
    one = candidate(1, "nearest", about=facts("Snack box", vector=[1, 0]))
    mentioned = {9: facts("Recalled bag", vector=[1, 0], visible=False)}

    found = reason(one, request(personal=True, recent=(recent(9),)), mentioned)

    assert (found.code, found.product_id) == ("your_taste", None)


def test_a_product_is_not_its_own_reason():
    one = candidate(9, "nearest", about=BAG)

    asked = request(personal=True, recent=(recent(9),), include_bought=True)
    assert reason(one, asked).code == "your_taste"


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
