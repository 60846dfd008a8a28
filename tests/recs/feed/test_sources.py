from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recs.engine.catalogue_scores import CatalogueScores
from recs.engine.interactions import Kind
from recs.feed import sources
from recs.feed.candidates import Proposal
from recs.models import ProductContent, ProductPopularity
from tests.factories import CategoryFactory, InteractionFactory, ProductFactory, ShopperFactory
from tests.recs.feed.stages import recent, request, unit
from tests.recs.small_shop import make_products, publish_model

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 11, 20, 9, tzinfo=UTC)
CIRCLE = np.array(
    [[np.cos(angle), np.sin(angle)] + [0.0] * 6 for angle in np.linspace(0, 1.5, 6)], dtype=np.float32
)
"""Six products on an arc: each one's nearest are its neighbours."""


def keys(proposals):
    return [proposal.product_id for proposal in proposals]


def buy(*products, at=MOMENT, shopper=None):
    """One order: rows that share a shopper and a moment."""
    shopper = shopper or ShopperFactory()
    for product in products:
        InteractionFactory(shopper=shopper, product=product, kind=int(Kind.PURCHASE), occurred_at=at)


def wanted(product, *, trending=0.0, total=1.0):
    ProductPopularity.objects.create(product=product, trending=trending, total=total)
    return product


def scores_of(products) -> CatalogueScores:
    """The later a product came, the higher."""
    return CatalogueScores(
        np.array([product.pk for product in products]), np.linspace(0, 1, len(products), dtype=np.float32)
    )


@pytest.fixture
def arc(artifacts):
    """Products in the order of the arc, and their version."""
    products = make_products(6)
    return products, publish_model(products, vectors=CIRCLE)


EVERY_SOURCE = [
    lambda version: sources.recommended(),
    sources.nearest,
    sources.similar_to_recent,
    sources.similar,
    lambda version: sources.bought_together(),
    lambda version: sources.bought_with_recent(),
    lambda version: sources.trending(),
    lambda version: sources.new(),
    lambda version: sources.popular_in_category(),
    lambda version: sources.matches(),
]


@pytest.mark.parametrize("make", EVERY_SOURCE)
def test_every_source_answers_a_newcomer_in_an_empty_shop_without_a_model(make):
    assert list(make(None)(request())) == []


@pytest.mark.parametrize("make", EVERY_SOURCE)
def test_every_source_proposes_a_product_once_best_first(make, arc):
    products, version = arc
    for place, product in enumerate(products):
        wanted(product, trending=float(place), total=float(place))
    for _ in range(2):
        buy(*products)
    asked = request(
        "similar",
        product_id=products[0].pk,
        personal=True,
        vector=CIRCLE[2],
        scores=scores_of(products),
        recent=(recent(products[1].pk),),
        query="product",
    )

    proposals = list(make(version)(asked))

    assert len(proposals) > 1
    assert len(set(keys(proposals))) == len(proposals)
    assert [one.score for one in proposals] == sorted((one.score for one in proposals), reverse=True)


def test_nearest_follows_the_shoppers_vector_and_leaves_out_what_is_unwanted(arc):
    products, version = arc
    asked = request(vector=CIRCLE[5], bought=frozenset({products[4].pk}), hidden=frozenset({products[3].pk}))

    proposals = sources.nearest(version)(asked)

    assert keys(proposals) == [products[place].pk for place in (5, 2, 1, 0)]
    assert proposals[0].score == pytest.approx(1.0, abs=1e-3)


def test_what_the_recommender_puts_first_leaves_out_what_is_unwanted(arc):
    products, _ = arc
    asked = request(
        scores=scores_of(products),
        bought=frozenset({products[4].pk}),
        hidden=frozenset({products[3].pk}),
        in_cart=(products[5].pk,),
    )

    proposals = sources.recommended()(asked)

    assert keys(proposals) == [products[place].pk for place in (2, 1, 0)]
    assert proposals[0].score == pytest.approx(0.4)


def test_of_several_recent_products_the_nearest_one_is_why(arc):
    products, version = arc
    asked = request(personal=True, recent=(recent(products[0].pk), recent(products[5].pk)))

    because = {one.product_id: one.because for one in sources.similar_to_recent(version)(asked)}

    assert because == {
        products[1].pk: products[0].pk,
        products[2].pk: products[0].pk,
        products[3].pk: products[5].pk,
        products[4].pk: products[5].pk,
    }


def test_without_the_nearest_recent_product_the_next_one_would_be_why(arc):
    products, version = arc
    asked = request(personal=True, recent=(recent(products[0].pk), recent(products[5].pk)))

    found = {one.product_id: one for one in sources.similar_to_recent(version)(asked)}

    # A step on the arc is 0.3.
    first = found[products[1].pk]
    assert (first.score, first.because) == (pytest.approx(np.cos(0.3), abs=1e-3), products[0].pk)
    assert first.otherwise == Proposal(products[1].pk, pytest.approx(np.cos(1.2), abs=1e-3), products[5].pk)


def test_of_one_recent_product_nothing_is_left_otherwise(arc):
    products, version = arc
    asked = request(personal=True, recent=(recent(products[0].pk),))

    assert {one.otherwise for one in sources.similar_to_recent(version)(asked)} == {None}


def test_trending_and_new_are_purchasable_in_their_order():
    first = wanted(ProductFactory(created_at=MOMENT), trending=1)
    second = wanted(ProductFactory(created_at=MOMENT + timedelta(days=1)), trending=3)
    wanted(ProductFactory(stock=0), trending=9)
    wanted(ProductFactory(visible=False), trending=9)
    untouched = wanted(ProductFactory(created_at=MOMENT - timedelta(days=1)), total=0)

    assert keys(sources.trending()(request())) == [second.pk, first.pk]
    assert keys(sources.new()(request())) == [second.pk, first.pk, untouched.pk]


def test_who_bought_everything_that_trends_still_gets_a_page():
    products = [wanted(ProductFactory(), trending=float(place)) for place in range(60)]
    bought = frozenset(product.pk for product in products[10:])

    assert len(sources.trending()(request(count=5, bought=bought))) == 10
    assert len(sources.new()(request(count=5, bought=bought))) == 10


def test_popular_in_category_keeps_to_the_categories_of_recent_products():
    here, elsewhere = CategoryFactory(), CategoryFactory()
    seen, most, less = (ProductFactory(category=here) for _ in range(3))
    wanted(less, total=2), wanted(most, total=5), wanted(seen, total=1)
    wanted(ProductFactory(category=elsewhere), total=99)

    asked = request(personal=True, recent=(recent(seen.pk),), bought=frozenset({seen.pk}))

    assert keys(sources.popular_in_category()(asked)) == [most.pk, less.pk]


def test_bought_together_counts_orders_against_how_often_a_product_is_bought_anyway():
    bag, box, bestseller, once = (ProductFactory() for _ in range(4))
    wanted(box, total=5), wanted(bestseller, total=10_000)
    for _ in range(3):
        buy(bag, box, bestseller)
    buy(bag, once)

    proposals = sources.bought_together()(request("bought_together", product_id=bag.pk))

    assert keys(proposals) == [box.pk, bestseller.pk]
    assert proposals[0] == Proposal(box.pk, pytest.approx(3 / 5), bag.pk)


def test_two_orders_of_one_shopper_are_two_baskets():
    bag, box, scarf = (ProductFactory() for _ in range(3))
    shopper = ShopperFactory()
    for day in range(2):
        buy(bag, box, at=MOMENT + timedelta(days=day), shopper=shopper)
        buy(scarf, at=MOMENT + timedelta(days=day, hours=1), shopper=shopper)

    assert keys(sources.bought_together()(request("bought_together", product_id=bag.pk))) == [box.pk]


def test_for_a_cart_the_product_that_led_there_most_often_is_why():
    bag, mug, spoon = (ProductFactory() for _ in range(3))
    for _ in range(3):
        buy(mug, spoon)
    buy(bag, spoon)

    (proposal,) = sources.bought_together()(request("cart", in_cart=(bag.pk, mug.pk)))

    assert (proposal.product_id, proposal.because) == (spoon.pk, mug.pk)


def test_a_vector_source_says_nothing_without_a_model(arc):
    products, _ = arc
    asked = request(personal=True, vector=unit([1] * 8), recent=(recent(products[0].pk),))

    assert sources.nearest(None)(asked) == []
    assert sources.similar_to_recent(None)(asked) == []


def named(product, direction):
    """Gives the product a text vector in the plane, so that likeness of names is a cosine."""
    text = np.zeros(384, dtype=np.float32)
    text[:2] = unit(direction)
    ProductContent.objects.create(product=product, text=text.tolist())
    return product


def test_newcomers_are_what_nobody_had_met_when_the_model_learnt_and_is_named_like_recent_things(arc):
    (seen, established, *_), version = arc
    named(seen, [1, 0])
    wanted(named(established, [1, 0.1]))
    ProductPopularity.objects.filter(product=established).update(first_at=MOMENT - timedelta(days=365))
    alike, unlike = named(ProductFactory(), [1, 0.2]), named(ProductFactory(), [0, 1])
    sold_out = named(ProductFactory(stock=0), [1, 0])
    asked = request(personal=True, recent=(recent(seen.pk),), hidden=frozenset())

    found = sources.newcomers(version)(asked)

    assert keys(found) == [alike.pk]
    assert found[0].because == seen.pk
    assert found[0].score == pytest.approx(1 / np.sqrt(1.04), abs=1e-2)
    assert not {unlike.pk, sold_out.pk, established.pk} & set(keys(found))


def test_a_newcomer_stays_one_when_the_first_shoppers_meet_it_after_the_model_learnt(arc):
    (seen, *_), version = arc
    named(seen, [1, 0])
    alike = wanted(named(ProductFactory(), [1, 0.2]))
    ProductPopularity.objects.filter(product=alike).update(first_at=datetime.now(UTC) + timedelta(minutes=1))

    assert keys(sources.newcomers(version)(request(personal=True, recent=(recent(seen.pk),)))) == [alike.pk]


def test_likeness_of_names_says_what_the_next_best_product_would_have_given(arc):
    (first, second, established, *_), version = arc
    named(first, [1, 0]), named(second, [1, 1]), named(established, [1, 0.1])
    newcomer = named(ProductFactory(), [1, 0.1])
    wanted(established)
    ProductPopularity.objects.update(first_at=MOMENT - timedelta(days=365))
    asked = request(personal=True, recent=(recent(first.pk), recent(second.pk)))

    for source, product in ((sources.alike_in_words(), established), (sources.newcomers(version), newcomer)):
        found = next(one for one in source(asked) if one.product_id == product.pk)

        assert (found.score, found.because) == (pytest.approx(1 / np.sqrt(1.01), abs=1e-3), first.pk)
        nearly = pytest.approx(1.1 / np.sqrt(2 * 1.01), abs=1e-3)
        assert found.otherwise == Proposal(product.pk, nearly, second.pk)


def test_a_newcomer_that_suits_one_recent_product_alone_would_not_be_proposed_without_it(arc):
    (first, second, *_), version = arc
    named(first, [1, 0]), named(second, [0, 1])
    named(ProductFactory(), [1, 0.2])

    (found,) = sources.newcomers(version)(
        request(personal=True, recent=(recent(first.pk), recent(second.pk)))
    )

    assert (found.because, found.otherwise) == (first.pk, None)
