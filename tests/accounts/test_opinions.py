import pytest

from accounts.opinions import liked_products, opinion_of, set_opinion
from recs.engine.interactions import Kind
from recs.models import Interaction
from tests.factories import ProductFactory, ShopperFactory

pytestmark = pytest.mark.django_db


def test_a_like_is_recorded_once_however_often_it_is_said():
    shopper, product = ShopperFactory(), ProductFactory()

    set_opinion(shopper=shopper, product=product, opinion=Kind.LIKE)
    set_opinion(shopper=shopper, product=product, opinion=Kind.LIKE)

    assert [one.kind for one in Interaction.objects.all()] == [Kind.LIKE]
    assert opinion_of(shopper, product) == Kind.LIKE
    assert liked_products(shopper) == {product.pk}


def test_hiding_takes_the_place_of_a_like():
    shopper, product = ShopperFactory(), ProductFactory()
    set_opinion(shopper=shopper, product=product, opinion=Kind.LIKE)

    set_opinion(shopper=shopper, product=product, opinion=Kind.HIDE)

    assert [one.kind for one in Interaction.objects.all()] == [Kind.HIDE]
    assert liked_products(shopper) == frozenset()


def test_an_opinion_taken_back_leaves_the_history_and_raises_the_sequence_number():
    shopper, product = ShopperFactory(), ProductFactory()
    set_opinion(shopper=shopper, product=product, opinion=Kind.HIDE)

    set_opinion(shopper=shopper, product=product, opinion=None)

    assert not Interaction.objects.exists()
    assert opinion_of(shopper, product) is None
    shopper.refresh_from_db()
    assert shopper.last_seq == 2
