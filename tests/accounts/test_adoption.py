"""What happens to an anonymous history when its owner signs in."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from accounts.identity import adopt_anonymous_history
from accounts.models import Cart, Consent, Order, Shopper
from recs.engine.interactions import Kind
from recs.ingest.record import NewInteraction, record_interactions
from recs.models import Interaction, Recommendation
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_signing_in_merges_the_anonymous_history():
    anonymous, shopper = ShopperFactory(), ShopperFactory(user=UserFactory())
    bag, cup = ProductFactory(), ProductFactory()
    mine = InteractionFactory(shopper=shopper, product=cup)
    twice = InteractionFactory(shopper=anonymous, product=cup, uuid=mine.uuid)
    first = InteractionFactory(shopper=anonymous, product=bag)
    second = InteractionFactory(shopper=anonymous, product=bag, kind=int(Kind.CART_ADD))
    served = Recommendation.objects.create(shopper=anonymous, scenario="home", items=[])
    order = Order.objects.create(shopper=anonymous, number="1", total=1)

    adopt_anonymous_history(anonymous=anonymous, shopper=shopper)

    assert list(Interaction.objects.order_by("seq").values_list("pk", "shopper", "seq")) == [
        (mine.pk, shopper.pk, 1),
        (first.pk, shopper.pk, 4),
        (second.pk, shopper.pk, 5),
    ]
    assert not Interaction.objects.filter(pk=twice.pk).exists()
    assert shopper.last_seq == Shopper.objects.get().last_seq == 5
    served.refresh_from_db()
    order.refresh_from_db()
    assert served.shopper == order.shopper == shopper


def test_carts_merge_by_adding_quantities():
    anonymous, shopper = ShopperFactory(), ShopperFactory(user=UserFactory())
    bag, cup = ProductFactory(), ProductFactory()
    theirs = Cart.objects.create(shopper=anonymous)
    theirs.lines.create(product=bag, quantity=2)
    theirs.lines.create(product=cup, quantity=1)
    Cart.objects.create(shopper=shopper).lines.create(product=bag, quantity=3)

    adopt_anonymous_history(anonymous=anonymous, shopper=shopper)

    lines = Cart.objects.get().lines.values_list("product", "quantity")
    assert set(lines) == {(bag.pk, 5), (cup.pk, 1)}


@pytest.mark.parametrize(
    ("anonymous", "account", "merged"),
    [(False, True, False), (True, False, False), (False, None, False), (True, None, None)],
)
def test_of_two_consents_the_refusal_stays(anonymous: bool, account: bool | None, merged: bool | None):
    guest, shopper = ShopperFactory(), ShopperFactory(user=UserFactory())
    Consent.objects.create(shopper=guest, purpose="personalisation", granted=anonymous)
    if account is not None:
        Consent.objects.create(shopper=shopper, purpose="personalisation", granted=account)

    adopt_anonymous_history(anonymous=guest, shopper=shopper)

    consent = shopper.consents.first()
    assert (consent and consent.granted) is merged


def test_the_account_of_another_person_is_never_adopted():
    other, customer = ShopperFactory(user=UserFactory()), ShopperFactory(code="17850")
    shopper = ShopperFactory(user=UserFactory())
    InteractionFactory(shopper=other)
    InteractionFactory(shopper=customer)

    for somebody in (other, customer, shopper):
        adopt_anonymous_history(anonymous=somebody, shopper=shopper)

    assert Shopper.objects.count() == 3
    assert shopper.interactions.count() == 0


def test_adopting_twice_changes_nothing():
    anonymous, shopper = ShopperFactory(), ShopperFactory(user=UserFactory())
    InteractionFactory(shopper=anonymous)

    adopt_anonymous_history(anonymous=anonymous, shopper=shopper)
    adopt_anonymous_history(anonymous=anonymous, shopper=shopper)

    assert shopper.interactions.count() == 1


@pytest.mark.django_db(transaction=True)
def test_signing_in_while_other_tabs_click_loses_nothing_that_was_acknowledged():
    anonymous, shopper = ShopperFactory(), ShopperFactory(user=UserFactory())
    product = ProductFactory()
    barrier = Barrier(5)

    def click(who: Shopper) -> int:
        barrier.wait()
        acknowledged = 0
        try:
            for _ in range(20):
                new = [NewInteraction(kind=Kind.VIEW, product_id=product.pk)]
                acknowledged += record_interactions(shopper=Shopper(pk=who.pk), interactions=new).stored
        except Shopper.DoesNotExist:
            pass  # signed in meanwhile
        finally:
            connection.close()
        return acknowledged

    def sign_in() -> int:
        barrier.wait()
        try:
            adopt_anonymous_history(anonymous=anonymous, shopper=shopper)
        finally:
            connection.close()
        return 0

    with ThreadPoolExecutor(5) as pool:
        tabs = [pool.submit(click, who) for who in (anonymous, shopper, anonymous, shopper)]
        tabs.append(pool.submit(sign_in))
        acknowledged = sum(tab.result(30) for tab in tabs)

    seqs = list(Interaction.objects.filter(shopper=shopper).values_list("seq", flat=True))
    assert len(seqs) == len(set(seqs)) == Interaction.objects.count() == acknowledged
    assert Shopper.objects.get().last_seq == max(seqs)
