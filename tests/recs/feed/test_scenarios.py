"""serve_feed from end to end in one process: what each kind of shopper gets, and what no feed may show."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Cart, CartLine, Consent, Shopper
from catalog.models import Product
from recs.engine.interactions import Kind
from recs.feed import scenarios
from recs.feed.scenarios import SCENARIOS, rerank_products, serve_feed
from recs.ingest.record import NewInteraction, record_interactions
from recs.models import Recommendation
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory
from tests.recs.feed.serving import codes, do

pytestmark = pytest.mark.django_db

MOST_STATEMENTS = 20
"""Of a home feed, its transactions included: one per source, facts and row. More would be one per product."""


def ask(scenario: str, shopper: Shopper | None, product: Product, **more):
    about = {"product": product} if scenario in scenarios.ABOUT_A_PRODUCT else {}
    return serve_feed(scenario=scenario, shopper=shopper, query="product", **about, **more)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_empty_shop_has_an_empty_feed(scenario):
    alone = ProductFactory(stock=0)

    feed = ask(scenario, ShopperFactory(), alone)

    assert (feed.items, feed.model_version, feed.seq) == ((), None, 0)
    assert [stage.error for stage in feed.trace.stages if stage.error] == []


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("known", ["nobody", "newcomer", "customer"])
def test_every_scenario_keeps_its_promises(scenario, known, shelves, model):
    shopper = {
        "nobody": None,
        "newcomer": ShopperFactory(),
        "customer": Shopper.objects.filter(last_seq=6)[0],
    }[known]
    subject, sold_out, hidden = shelves[0][0], shelves[1][0], shelves[2][0]
    Product.objects.filter(pk=sold_out.pk).update(stock=0)
    if shopper:
        do(shopper, Kind.HIDE, hidden)

    feed = ask(scenario, shopper, subject, count=8)

    shown = codes(feed)
    assert 0 < len(shown) == len(set(shown)) <= 8
    assert sold_out.code not in shown
    if shopper:
        assert hidden.code not in shown
    if scenario in scenarios.ABOUT_A_PRODUCT:
        assert subject.code not in shown
    assert (feed.scenario, feed.model_version) == (scenario, model.name)
    assert feed.seq == (Shopper.objects.get(pk=shopper.pk).last_seq if shopper else 0)
    assert [stage.error for stage in feed.trace.stages if stage.error] == []


def test_a_newcomer_gets_what_trends_and_what_is_new(shelves, model):
    newest = ProductFactory(created_at="2026-11-24T00:00Z")

    feed = serve_feed(scenario="home", shopper=ShopperFactory(), count=12)

    assert len(feed.items) == 12
    assert {item.reason.code for item in feed.items} == {"trending", "new"}
    assert newest.code in codes(feed)


def test_without_a_model_what_a_shopper_looks_at_still_leads_somewhere(shelves):
    shopper = ShopperFactory()
    seq = do(shopper, Kind.VIEW, *shelves[1][:2])

    feed = serve_feed(scenario="home", shopper=shopper, count=5)

    assert (feed.model_version, feed.seq, len(feed.items)) == (None, seq, 5)
    assert {item.product.category_id for item in feed.items[:3]} == {shelves[1][0].category_id}


def test_what_a_shopper_looks_at_changes_the_next_feed_and_is_its_reason(shelves, model):
    shopper = ShopperFactory()
    before = serve_feed(scenario="home", shopper=shopper, count=6)

    seq = do(shopper, Kind.VIEW, *shelves[2][:3])
    after = serve_feed(scenario="home", shopper=shopper, count=6)

    assert (before.seq, after.seq) == (0, seq)
    assert codes(before) != codes(after)
    assert {item.reason.code for item in after.items} & {"because_you_viewed", "popular_in_category"}
    spoken_of = {item.reason.product.pk for item in after.items if item.reason.product}
    assert spoken_of <= {product.pk for product in shelves[2][:3]}


def test_an_interaction_without_a_product_counts_in_the_number(shelves, model):
    shopper = ShopperFactory()
    do(shopper, Kind.VIEW, shelves[0][0])

    seq = record_interactions(
        shopper=shopper, interactions=[NewInteraction(kind=Kind.SEARCH, query="mug")]
    ).seq

    assert serve_feed(scenario="home", shopper=shopper, count=3).seq == seq == 2


def test_a_hidden_product_goes_at_once_and_is_no_reason(shelves, model):
    shopper = ShopperFactory()
    do(shopper, Kind.VIEW, *shelves[0][:2])
    first = serve_feed(scenario="home", shopper=shopper, count=24)
    hidden = shelves[0][0]

    do(shopper, Kind.HIDE, hidden)
    after = serve_feed(scenario="home", shopper=shopper, count=24)

    assert hidden.code in codes(first)
    assert hidden.code not in codes(after)
    assert hidden not in [item.reason.product for item in after.items]


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one != "search"])
def test_what_was_bought_goes_at_once_and_comes_back_when_asked_for(scenario, shelves, model):
    shopper, subject, bought = ShopperFactory(), shelves[0][0], shelves[0][1]
    do(shopper, Kind.VIEW, subject)
    InteractionFactory(shopper=shopper, product=bought, kind=int(Kind.PURCHASE))

    without = ask(scenario, shopper, subject, count=100)
    seen = ask(scenario, shopper, subject, count=100, include_bought=True)

    assert bought.code not in codes(without)
    assert bought.code in codes(seen)


def test_a_search_finds_what_was_bought(shelves, model):
    shopper, bought = ShopperFactory(), shelves[0][1]
    InteractionFactory(shopper=shopper, product=bought, kind=int(Kind.PURCHASE))

    assert codes(serve_feed(scenario="search", shopper=shopper, query=bought.name, count=5))[0] == bought.code


def test_the_basket_is_left_out_of_the_feed_that_goes_with_it(shelves, model):
    shopper, carted = ShopperFactory(), shelves[0][0]
    CartLine.objects.create(cart=Cart.objects.create(shopper=shopper), product=carted)

    feed = serve_feed(scenario="cart", shopper=shopper, count=6)

    assert carted.code not in codes(feed)
    assert {feed.items[0].reason.code} <= {"goes_with", "similar_to"}
    assert feed.items[0].reason.product == carted


def test_who_refuses_personal_feeds_gets_what_a_newcomer_gets(shelves, model):
    shopper = ShopperFactory()
    do(shopper, Kind.VIEW, *shelves[1][:3])
    Consent.objects.create(shopper=shopper, purpose=Consent.Purpose.PERSONALISATION, granted=False)

    feed = serve_feed(scenario="home", shopper=shopper, count=8)

    assert codes(feed) == codes(serve_feed(scenario="home", shopper=None, count=8))
    assert feed.seq == 3


def test_a_feed_is_logged_as_it_was_shown(shelves, model):
    shopper = ShopperFactory()

    feed = serve_feed(scenario="similar", shopper=shopper, product=shelves[0][0], count=4)

    served = Recommendation.objects.get()
    assert (served.uuid, served.shopper, served.product) == (feed.recommendation, shopper, shelves[0][0])
    assert (served.scenario, served.seq, served.version.name) == ("similar", 0, model.name)
    assert [item["product"] for item in served.items] == codes(feed)
    assert served.items[0] == {
        "product": feed.items[0].product.code,
        "score": feed.items[0].score,
        "sources": ["similar", "popular_in_category"],
        "reason": "similar_to",
    }


def test_a_feed_that_is_only_looked_at_is_not_logged(shelves):
    assert serve_feed(scenario="trending", shopper=None, log=False).recommendation is None
    assert Recommendation.objects.count() == 0


def test_a_home_feed_needs_few_statements_however_many_products(shelves, model):
    shopper = ShopperFactory()
    do(shopper, Kind.VIEW, *shelves[0][:3])
    serve_feed(scenario="home", shopper=shopper)

    with CaptureQueriesContext(connection) as few:
        serve_feed(scenario="home", shopper=shopper, count=2)
    with CaptureQueriesContext(connection) as many:
        serve_feed(scenario="home", shopper=shopper, count=100)

    assert len(few) == len(many) <= MOST_STATEMENTS


def test_unknown_scenarios_and_missing_products_are_named():
    with pytest.raises(ValueError, match="unknown scenario 'rerank', expected one of home, similar"):
        serve_feed(scenario="rerank", shopper=None)
    with pytest.raises(ValueError, match="the scenario similar is about a product"):
        serve_feed(scenario="similar", shopper=None)


def test_reranking_loses_nothing_and_puts_the_shoppers_shelf_first(shelves, model):
    shopper = ShopperFactory()
    do(shopper, Kind.VIEW, *shelves[2][:3])
    do(shopper, Kind.HIDE, shelves[0][1])
    Product.objects.filter(pk=shelves[1][1].pk).update(stock=0)
    given = [shelves[0][1], shelves[1][1], shelves[1][2], shelves[2][5]]

    items = rerank_products(shopper=shopper, products=given)

    assert sorted(item.product.pk for item in items) == sorted(product.pk for product in given)
    assert [item.score for item in items] == sorted((item.score for item in items), reverse=True)


def test_reranking_for_a_newcomer_keeps_what_is_equally_wanted_in_the_order_given():
    products = [ProductFactory() for _ in range(5)]
    given = [products[place] for place in (3, 0, 4, 1, 2)]

    items = rerank_products(shopper=None, products=given)

    assert [item.product for item in items] == given
