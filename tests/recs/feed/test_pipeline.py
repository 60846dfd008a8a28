"""The executor alone, with plain functions for stages; whatever sources propose, what comes out is sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from recs.feed import filters, rerankers, scorers
from recs.feed.candidates import Contributions, FeedRequest, Proposal
from recs.feed.explain import explain
from recs.feed.pipeline import CandidatePipeline
from tests.recs.feed.stages import facts, ids, recent, request

SHELF = {
    number: facts(
        f"Product {number % 25}",
        available=number % 7 != 0,
        category_id=number % 4 or None,
        category=f"Category {number % 4}",
        popularity=float(number % 11),
        vector=[np.cos(number), np.sin(number), 0.3] if number % 5 else None,
    )
    for number in range(40)
}


class Source:
    def __init__(self, name, *proposals, failure=None):
        self.name, self.proposals, self.failure = name, proposals, failure

    def __call__(self, asked):
        if self.failure:
            raise self.failure
        return self.proposals


def proposals(*product_ids):
    return [Proposal(product_id, 1.0 - place / 100) for place, product_id in enumerate(product_ids)]


def pipeline(*sources, **stages):
    of = {
        "hydrate": lambda keys: {key: SHELF[key] for key in keys if key in SHELF},
        "filters": (
            filters.purchasable,
            filters.not_hidden,
            filters.not_bought,
            filters.not_the_subject,
            filters.not_in_cart,
            filters.first_of_a_name,
        ),
        "scorers": (scorers.shopper_affinity, scorers.best_place, scorers.popularity, scorers.agreement),
        "rerank": rerankers.best_first,
        "explain": explain,
        **stages,
    }
    return CandidatePipeline(sources=sources, **of)


def shown(result):
    return [one.candidate.product_id for one in result.ranked]


def stage(result, kind, name):
    (found,) = [one for one in result.trace.stages if (one.kind, one.name) == (kind, name)]
    return found


keys = some.integers(min_value=0, max_value=60)  # some of which no product has
key_sets = some.frozensets(keys, max_size=15)
any_source = some.lists(some.builds(Proposal, keys, some.floats(-1e9, 1e9), some.none() | keys), max_size=40)
any_request = some.builds(
    FeedRequest,
    scenario=some.sampled_from(["home", "cart"]),
    count=some.integers(min_value=1, max_value=100),
    personal=some.booleans(),
    vector=some.sampled_from([None, np.array([0.6, 0.8, 0.0], dtype=np.float32)]),
    recent=some.lists(keys, max_size=12, unique=True).map(lambda found: tuple(map(recent, found))),
    bought=key_sets,
    hidden=key_sets,
    in_cart=key_sets.map(tuple),
    product_id=some.none() | keys,
    include_bought=some.booleans(),
)


@given(
    of=some.lists(any_source, max_size=5),
    asked=any_request,
    rerank=some.sampled_from([rerankers.best_first, rerankers.diverse]),
)
def test_whatever_sources_propose_the_feed_is_sound(of, asked, rerank):
    sources = [Source(f"source {place}", *proposed) for place, proposed in enumerate(of)]

    result = pipeline(*sources, rerank=rerank).run(asked)

    products = shown(result)
    names = [SHELF[product].name for product in products]
    bought = frozenset() if asked.include_bought else asked.bought
    assert len(products) == len(set(products)) == len(set(names)) <= asked.count
    assert all(SHELF[product].available for product in products)
    assert not {*products} & {*asked.hidden, *bought, *asked.in_cart, asked.product_id}
    assert {*products} <= {one.product_id for proposed in of for one in proposed}
    assert all(one.reason.text for one in result.ranked)


@given(of=some.lists(any_source, max_size=5), asked=any_request)
def test_without_a_reranker_of_its_own_the_order_is_that_of_the_scores(of, asked):
    sources = [Source(f"source {place}", *proposed) for place, proposed in enumerate(of)]

    scores = [one.candidate.score for one in pipeline(*sources).run(asked).ranked]

    assert scores == sorted(scores, reverse=True)


@given(of=some.lists(any_source, min_size=1, max_size=5), asked=any_request)
def test_every_candidate_is_in_the_end_shown_or_dropped_or_below_the_page(of, asked):
    sources = [Source(f"source {place}", *proposed) for place, proposed in enumerate(of)]
    everything = pipeline(*sources, rerank=lambda found, _: list(found)).run(asked)

    dropped = [key for one in everything.trace.stages for key in one.dropped]

    proposed = {one.product_id for found in of for one in found}
    assert sorted([*shown(everything), *dropped]) == sorted(proposed)


def test_a_source_that_fails_is_left_out_and_noted():
    broken = Source("broken", failure=RuntimeError("index is gone"))

    result = pipeline(broken, Source("sound", *proposals(1, 2))).run(request())

    assert shown(result) == [1, 2]
    assert stage(result, "source", "broken").error == "RuntimeError: index is gone"
    assert stage(result, "source", "sound").error == ""


def test_a_scorer_that_fails_is_left_out_and_noted():
    def broken(candidates, asked):
        raise ValueError("shapes differ")

    result = pipeline(Source("sound", *proposals(1, 2)), scorers=(broken, scorers.best_place)).run(request())

    assert shown(result) == [1, 2]
    assert stage(result, "score", "broken").error == "ValueError: shapes differ"
    assert result.ranked[0].candidate.parts == {"best_place": 1.0}


def test_a_reranker_that_fails_leaves_the_order_of_the_scores():
    def broken(candidates, asked):
        raise ValueError("shapes differ")

    result = pipeline(Source("sound", *proposals(3, 1, 2)), rerank=broken).run(request(count=2))

    assert len(shown(result)) == 2
    assert stage(result, "rerank", "broken").error == "ValueError: shapes differ"


def test_a_filter_that_fails_fails_the_feed():
    def broken(candidates, asked):
        raise ValueError("no answer is better than a hidden product")

    with pytest.raises(ValueError, match="no answer"):
        pipeline(Source("sound", *proposals(1)), filters=(broken,)).run(request())


@pytest.mark.parametrize("of", [[], [Source("broken", failure=ConnectionError("database is gone"))]])
def test_a_shop_without_its_database_is_an_error_also_when_there_are_no_candidates(of):
    def gone(product_ids):
        raise ConnectionError("database is gone")

    with pytest.raises(ConnectionError):
        pipeline(*of, hydrate=gone).run(request())


def test_the_trace_says_what_each_stage_did():
    first, second = Source("first", *proposals(1, 7, 99)), Source("second", *proposals(2, 1))

    result = pipeline(first, second).run(request(count=1, hidden=frozenset({2})))

    assert [(one.kind, one.name, one.incoming, one.outgoing, one.dropped) for one in result.trace.stages] == [
        ("source", "first", 0, 3, {}),
        ("source", "second", 0, 2, {}),
        ("hydrate", "products", 4, 3, {99: "no such product any more"}),
        ("filter", "purchasable", 3, 2, {7: "cannot be bought now"}),
        ("filter", "not_hidden", 2, 1, {2: "hidden or rated poorly by the shopper"}),
        ("filter", "not_bought", 1, 1, {}),
        ("filter", "not_the_subject", 1, 1, {}),
        ("filter", "not_in_cart", 1, 1, {}),
        ("filter", "first_of_a_name", 1, 1, {}),
        ("score", "shopper_affinity", 1, 1, {}),
        ("score", "best_place", 1, 1, {}),
        ("score", "popularity", 1, 1, {}),
        ("score", "agreement", 1, 1, {}),
        ("rerank", "best_first", 1, 1, {}),
        ("explain", "reasons", 1, 1, {}),
    ]
    assert stage(result, "source", "first").proposed == (1, 7, 99)
    assert all(one.milliseconds >= 0 for one in result.trace.stages)


def test_of_equal_scores_the_older_product_comes_first():
    result = pipeline(Source("all", *(Proposal(key, 1.0) for key in (8, 3, 5))), scorers=()).run(request())

    assert shown(result) == [3, 5, 8]


def test_a_product_keeps_what_each_source_said_of_it():
    first = Source("first", Proposal(1, 0.9, because=5), Proposal(1, 0.1, because=6))

    result = pipeline(first, Source("second", Proposal(1, 7.0))).run(request())

    (one,) = result.ranked
    assert one.candidate.sources == ("first", "second")
    assert one.candidate.proposals["first"] == Proposal(1, 0.9, because=5)
    assert ids([one.candidate]) == [1]


def test_the_trace_says_why_the_reranker_left_a_product_out():
    def second_and_third(found, _):
        return list(found[1:3])

    result = pipeline(Source("sound", *proposals(1, 2, 3, 4)), rerank=second_and_third).run(request(count=2))

    ranked = [one.candidate.product_id for one in result.ranked]
    dropped = stage(result, "rerank", "second_and_third").dropped
    assert set(dropped) == {1, 2, 3, 4} - set(ranked)
    assert sorted(dropped.values()) == ["gave way to variety or a newcomer", "scored below the page"]


def test_a_newcomer_on_the_page_does_not_make_what_is_below_it_too_alike():
    def lower_keys_first(found, _):
        return [-one.product_id for one in found]

    def first_and_last(found, _):
        return [found[0], found[-1]]

    met = Source("newcomers", Proposal(4, 1.0))
    stages = {"scorers": (lower_keys_first,), "rerank": first_and_last}
    result = pipeline(Source("sound", *proposals(1, 2, 3)), met, **stages).run(request(count=2))

    assert shown(result) == [1, 4]
    assert set(stage(result, "rerank", "first_and_last").dropped.values()) == {"scored below the page"}


def test_a_contributor_that_fails_does_not_cost_the_feed(caplog):
    def broken(found, asked):
        raise RuntimeError("no memory")

    result = pipeline(Source("first", *proposals(1, 2)), contribute=broken).run(request())

    assert shown(result) == [1, 2]
    assert stage(result, "explain", "contributions").error == "RuntimeError: no memory"
    assert [one.contributions for one in result.ranked] == [{}, {}]
    assert "contributions failed" in caplog.text


def test_each_product_of_the_page_keeps_what_was_contributed_to_it():
    def of_page(found, asked):
        return Contributions((7,), np.array([[one.product_id / 10 for one in found]], dtype=np.float32))

    result = pipeline(Source("first", *proposals(1, 2, 3)), contribute=of_page).run(request(count=2))

    assert [one.contributions for one in result.ranked] == [
        {7: pytest.approx(0.1)},
        {7: pytest.approx(0.2)},
    ]
    assert stage(result, "explain", "contributions").outgoing == 1
