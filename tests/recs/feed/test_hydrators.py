import pytest

from accounts.models import Cart, CartLine, Consent
from catalog.models import Product
from recs.engine.interactions import Kind
from recs.feed.hydrators import ShopperFacts, product_facts, shopper_facts
from recs.models import ProductPopularity
from tests.factories import CategoryFactory, InteractionFactory, ProductFactory, ShopperFactory
from tests.recs.small_shop import make_products, publish_model, random_vectors

pytestmark = pytest.mark.django_db


def test_facts_of_products_come_in_one_query(django_assert_num_queries):
    mug = ProductFactory(name="Mug", category=CategoryFactory(name="Kitchen"))
    sold_out, hidden = ProductFactory(stock=0), ProductFactory(visible=False, category=None)
    ProductPopularity.objects.create(product=mug, total=7.5)

    with django_assert_num_queries(1):
        facts = product_facts([mug.pk, sold_out.pk, hidden.pk, 10**9], None)

    assert set(facts) == {mug.pk, sold_out.pk, hidden.pk}
    assert (facts[mug.pk].name, facts[mug.pk].category, facts[mug.pk].popularity) == ("Mug", "Kitchen", 7.5)
    assert (facts[mug.pk].available, facts[mug.pk].vector) == (True, None)
    assert (facts[sold_out.pk].available, facts[sold_out.pk].visible) == (False, True)
    assert (facts[hidden.pk].available, facts[hidden.pk].visible, facts[hidden.pk].category) == (
        False,
        False,
        "",
    )


def test_vectors_are_those_of_the_version_asked_for(artifacts):
    products = make_products(3)
    old = publish_model(products, vectors=random_vectors(3, seed=1))
    new = publish_model(products, vectors=random_vectors(3, seed=2))
    later = ProductFactory()
    keys = [product.pk for product in (*products, later)]

    for version, seed in ((old, 1), (new, 2)):
        facts = product_facts(keys, version)
        for product, vector in zip(products, random_vectors(3, seed=seed), strict=True):
            assert facts[product.pk].vector == pytest.approx(vector, abs=1e-3)
        assert facts[later.pk].vector is None


def test_facts_of_a_shopper_come_in_one_query(django_assert_num_queries):
    shopper = ShopperFactory()
    bought, hidden, carted, viewed = (ProductFactory() for _ in range(4))
    for product, kind in (
        (bought, Kind.PURCHASE),
        (bought, Kind.PURCHASE),
        (hidden, Kind.HIDE),
        (viewed, Kind.VIEW),
    ):
        InteractionFactory(shopper=shopper, product=product, kind=int(kind))
    InteractionFactory(shopper=shopper, product=None, kind=int(Kind.SEARCH), query="mug")
    CartLine.objects.create(cart=Cart.objects.create(shopper=shopper), product=carted)

    with django_assert_num_queries(1):
        facts = shopper_facts(shopper)

    assert facts == ShopperFacts(5, True, frozenset({bought.pk}), frozenset({hidden.pk}), (carted.pk,))


def test_a_poor_rating_hides_a_product_until_a_better_one():
    shopper = ShopperFactory()
    poor, mended, good = (ProductFactory() for _ in range(3))
    for product, stars in ((poor, 4.0), (poor, 1.0), (mended, 2.0), (mended, 3.0), (good, 5.0)):
        InteractionFactory(shopper=shopper, product=product, kind=int(Kind.RATING), value=stars)
    InteractionFactory(shopper=ShopperFactory(), product=good, kind=int(Kind.HIDE))

    assert shopper_facts(shopper).hidden == frozenset({poor.pk})


def test_the_basket_of_a_client_that_keeps_it_itself_is_what_its_interactions_say():
    shopper = ShopperFactory()
    kept, removed, bought, again = (ProductFactory() for _ in range(4))
    for product, kind in (
        (again, Kind.CART_ADD),
        (again, Kind.CART_REMOVE),
        (kept, Kind.CART_ADD),
        (removed, Kind.CART_ADD),
        (bought, Kind.CART_ADD),
        (removed, Kind.CART_REMOVE),
        (bought, Kind.PURCHASE),
        (again, Kind.CART_ADD),
        (kept, Kind.VIEW),
    ):
        InteractionFactory(shopper=shopper, product=product, kind=int(kind))

    assert shopper_facts(shopper).in_cart == (kept.pk, again.pk)

    Cart.objects.create(shopper=shopper)
    assert shopper_facts(shopper).in_cart == ()


def test_the_number_is_the_one_stored_and_not_the_one_in_memory():
    shopper = ShopperFactory()
    stale = type(shopper).objects.get(pk=shopper.pk)

    InteractionFactory(shopper=shopper)

    assert (stale.last_seq, shopper_facts(stale).seq) == (0, 1)


@pytest.mark.parametrize("granted", [True, False])
def test_a_refusal_of_personal_feeds_is_seen(granted):
    shopper = ShopperFactory()
    Consent.objects.create(shopper=shopper, purpose=Consent.Purpose.PERSONALISATION, granted=granted)

    assert shopper_facts(shopper).wants_personal is granted


def test_nobody_and_an_erased_shopper_have_no_facts():
    shopper = ShopperFactory()
    type(shopper).objects.all().delete()
    Product.objects.all().delete()

    assert shopper_facts(None) == shopper_facts(shopper) == ShopperFacts()
    assert product_facts([1, 2], None) == {}
