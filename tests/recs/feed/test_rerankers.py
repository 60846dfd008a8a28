import pytest

from recs.feed import rerankers
from tests.recs.feed.stages import candidate, facts, ids, request


def scored(product_id, score, **about):
    return candidate(product_id, about=facts(f"Product {product_id}", **about), parts={"affinity": score})


@pytest.mark.parametrize("rerank", [rerankers.best_first, rerankers.diverse])
def test_no_more_than_asked_for_each_once_best_of_all_first(rerank):
    given = [scored(number, 1 - number / 10, category_id=number % 2) for number in range(8)]

    chosen = ids(rerank(given, request(count=5)))

    assert chosen[0] == 0
    assert len(chosen) == len(set(chosen)) == 5


@pytest.mark.parametrize("rerank", [rerankers.best_first, rerankers.diverse])
def test_fewer_than_asked_for_are_all_there(rerank):
    assert ids(rerank([scored(4, 0.2), scored(6, 0.1)], request(count=24))) == [4, 6]
    assert rerank([], request()) == []


def test_best_first_keeps_the_order_of_the_scores():
    given = [scored(1, 0.9, vector=[1, 0]), scored(2, 0.8, vector=[1, 0]), scored(3, 0.1, vector=[0, 1])]

    assert ids(rerankers.best_first(given, request(count=2))) == [1, 2]


def test_of_products_alike_the_second_gives_way_to_a_different_one():
    given = [scored(1, 0.9, vector=[1, 0]), scored(2, 0.85, vector=[1, 0]), scored(3, 0.6, vector=[0, 1])]

    assert ids(rerankers.diverse(given, request(count=3))) == [1, 3, 2]


def test_a_different_product_that_suits_far_less_does_not_push_ahead():
    given = [scored(1, 0.9, vector=[1, 0]), scored(2, 0.85, vector=[1, 0]), scored(3, 0.2, vector=[0, 1])]

    assert ids(rerankers.diverse(given, request(count=3))) == [1, 2, 3]


def test_without_vectors_a_product_of_another_category_comes_before_one_of_the_same():
    given = [scored(1, 0.9, category_id=1), scored(2, 0.88, category_id=1), scored(3, 0.85, category_id=2)]

    assert ids(rerankers.diverse(given, request(count=3))) == [1, 3, 2]


def test_products_without_a_category_are_not_taken_for_one():
    given = [scored(1, 0.9), scored(2, 0.8), scored(3, 0.7, category_id=2)]

    assert ids(rerankers.diverse(given, request(count=3))) == [1, 2, 3]


def test_the_best_newcomers_take_the_places_kept_for_them_where_none_came_onto_the_page_by_itself():
    established = [scored(number, 2.0 - 0.01 * number, category_id=None) for number in range(1, 30)]
    met = [candidate(number, "newcomers", parts={"score": 1 / number}) for number in (50, 51, 52, 53)]

    found = ids(rerankers.diverse_with_newcomers([*established, *met], request(count=24)))

    assert len(found) == len(set(found)) == 24
    assert [found[place] for place in rerankers.NEWCOMER_PLACES] == [50, 51, 52]
    assert 53 not in found
    assert len(rerankers.diverse_with_newcomers([*established, *met], request(count=4))) == 4


def test_newcomers_that_suit_best_keep_the_places_that_they_have():
    met = [candidate(50 + number, "newcomers", parts={"score": 3.0 - number}) for number in range(3)]
    established = [scored(number, -1.0 * number) for number in range(1, 20)]

    found = rerankers.diverse_with_newcomers([*met, *established], request(count=12))

    assert found == rerankers.diverse([*met, *established], request(count=12))
    assert found[0].product_id == 50


def test_a_newcomer_that_came_onto_the_page_by_itself_is_not_pushed_off_it_by_another():
    established = [scored(number, 2.0 - 0.01 * number, category_id=None) for number in range(1, 12)]
    by_itself = candidate(50, "newcomers", parts={"score": 1.5})
    waiting = candidate(51, "newcomers", parts={"score": 0.1})

    found = ids(rerankers.diverse_with_newcomers([*established, by_itself, waiting], request(count=12)))

    assert set(found) == {*range(1, 11), 50, 51}
    assert found[11] == 51
