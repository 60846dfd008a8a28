import pytest

from recs.feed import filters
from tests.recs.feed.stages import candidate, facts, ids, request

EVERY_FILTER = [
    filters.purchasable,
    filters.not_hidden,
    filters.not_bought,
    filters.not_the_subject,
    filters.not_in_cart,
    filters.first_of_a_name,
]


@pytest.mark.parametrize("keep", EVERY_FILTER)
def test_what_a_filter_keeps_and_removes_is_what_it_was_given(keep):
    given = [candidate(1), candidate(2, about=facts("Two", available=False)), candidate(3), candidate(4)]
    asked = request("cart", bought=frozenset({1}), hidden=frozenset({3}), in_cart=(4,))

    result = keep(given, asked)

    assert sorted([*ids(result.kept), *result.removed]) == [1, 2, 3, 4]
    assert ids(result.kept) == sorted(ids(result.kept))


@pytest.mark.parametrize("keep", EVERY_FILTER)
def test_a_filter_of_nothing_keeps_nothing(keep):
    result = keep([], request())

    assert (result.kept, result.removed) == ([], {})


def test_what_cannot_be_bought_now_is_removed():
    result = filters.purchasable([candidate(1), candidate(2, about=facts("Two", available=False))], request())

    assert (ids(result.kept), result.removed) == ([1], {2: "cannot be bought now"})


def test_what_was_bought_is_removed_unless_the_request_includes_it():
    given = [candidate(1), candidate(2)]

    without = filters.not_bought(given, request(bought=frozenset({2})))
    included = filters.not_bought(given, request(bought=frozenset({2}), include_bought=True))

    assert (ids(without.kept), without.removed) == ([1], {2: "bought already"})
    assert (ids(included.kept), included.removed) == ([1, 2], {})


def test_what_the_shopper_hid_is_removed_also_when_bought_products_are_included():
    asked = request(hidden=frozenset({1}), bought=frozenset({1}), include_bought=True)

    assert filters.not_hidden([candidate(1)], asked).removed == {1: "hidden or rated poorly by the shopper"}


def test_the_product_that_the_feed_is_about_is_removed():
    result = filters.not_the_subject([candidate(1), candidate(2)], request("similar", product_id=1))

    assert (ids(result.kept), result.removed) == ([2], {1: "the feed is about it"})


def test_what_is_in_the_basket_is_removed():
    result = filters.not_in_cart([candidate(1), candidate(2)], request(in_cart=(2,)))

    assert (ids(result.kept), result.removed) == ([1], {2: "in the basket already"})


def test_of_two_products_with_one_name_the_first_proposed_stays():
    given = [
        candidate(3, about=facts("Mug")),
        candidate(1, about=facts("MUG")),
        candidate(2, about=facts("Cup")),
    ]

    result = filters.first_of_a_name(given, request())

    assert (ids(result.kept), result.removed) == ([3, 2], {1: "same name as another candidate"})
