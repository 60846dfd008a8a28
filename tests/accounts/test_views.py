import json
import re
import uuid
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.cart import add_to_cart, read_cart
from accounts.models import Order, Shopper, User
from accounts.orders import place_order
from recs.engine.interactions import Kind
from recs.models import Interaction
from tests.factories import PASSWORD, InteractionFactory, ProductFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
ADDRESS = {"name": "Ada Lovelace", "email": "ada@example.com", "address": "12 St James's Square, London"}


def _signed_in(client: Client) -> Shopper:
    user = UserFactory()
    client.force_login(user)
    return ShopperFactory(user=user)


# --- signing up, in and out -------------------------------------------------------------------------------


def test_signing_up_makes_an_account_that_keeps_what_the_newcomer_did(client):
    product = ProductFactory()
    client.post(reverse("accounts:cart-add"), {"product": product.code})

    response = client.post(
        reverse("accounts:sign-up"),
        {"name": "Ada", "email": "Ada@Example.com", "password": PASSWORD},
    )

    assert response.status_code == 302
    assert response["Location"] == "/"
    user = User.objects.get(email="ada@example.com")
    assert [line.product for line in read_cart(user.shopper).lines] == [product]
    assert [one.kind for one in user.shopper.interactions.all()] == [Kind.CART_ADD]
    assert Shopper.objects.count() == 1


def test_an_address_has_one_account_whatever_its_case(client):
    UserFactory(email="ada@example.com")

    response = client.post(
        reverse("accounts:sign-up"), {"name": "Ada", "email": "ADA@example.com", "password": PASSWORD}
    )

    assert "There is an account with this address already" in response.content.decode()
    assert User.objects.count() == 1


def test_a_weak_password_is_refused_with_the_reason(client):
    response = client.post(
        reverse("accounts:sign-up"), {"name": "Ada", "email": "ada@example.com", "password": "1234567890"}
    )

    assert "too common" in response.content.decode()
    assert not User.objects.exists()


def test_signing_in_merges_the_anonymous_history_and_goes_where_one_was_going(client):
    user = UserFactory(email="ada@example.com")
    shopper = ShopperFactory(user=user)
    InteractionFactory(shopper=shopper)
    product = ProductFactory()
    client.post(reverse("accounts:opinion"), {"opinion": f"like:{product.code}"})

    response = client.post(
        reverse("accounts:sign-in"),
        {"username": "ADA@example.com", "password": PASSWORD, "next": "/my-data?page=1"},
    )

    assert response["Location"] == "/my-data?page=1"
    assert [one.get_kind_display() for one in shopper.interactions.order_by("seq")] == ["view", "like"]


@pytest.mark.parametrize(
    "elsewhere", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_site(client, elsewhere):
    UserFactory(email="ada@example.com")

    response = client.post(
        reverse("accounts:sign-in"), {"username": "ada@example.com", "password": PASSWORD, "next": elsewhere}
    )

    assert response["Location"] == "/"


def test_a_wrong_password_says_so_and_keeps_the_address(client):
    UserFactory(email="ada@example.com")

    page = client.post(
        reverse("accounts:sign-in"), {"username": "ada@example.com", "password": "wrong"}
    ).content.decode()

    assert "do not belong together" in page
    assert 'value="ada@example.com"' in page


def test_signing_out_forgets_who_shops(client):
    shopper = _signed_in(client)
    add_to_cart(shopper=shopper, product=ProductFactory(name="Lantern"))

    client.post(reverse("accounts:sign-out"))

    assert "Lantern" not in client.get(reverse("accounts:cart")).content.decode()


# --- basket -----------------------------------------------------------------------------------------------


def test_adding_without_javascript_leads_back_with_a_message(client):
    product = ProductFactory(name="Lantern")
    page = f"http://testserver{product.get_absolute_url()}"

    response = client.post(reverse("accounts:cart-add"), {"product": product.code}, HTTP_REFERER=page)

    assert response["Location"] == product.get_absolute_url()
    assert "Lantern is in your basket." in client.get(response["Location"]).content.decode()


def test_adding_with_htmx_answers_with_the_count_a_note_and_the_sequence_number(client):
    product = ProductFactory(name="Lantern")

    response = client.post(
        reverse("accounts:cart-add"), {"product": product.code, "quantity": 3}, headers=HTMX
    )

    page = response.content.decode()
    assert re.search(r'class="count">\s*3', page)
    assert "Lantern is in your basket." in page
    assert json.loads(response["HX-Trigger"]) == {"interaction-stored": {"seq": 1}}


def test_a_refusal_says_why_and_changes_nothing(client):
    product = ProductFactory(name="Lantern", stock=2)

    response = client.post(
        reverse("accounts:cart-add"), {"product": product.code, "quantity": 3}, headers=HTMX
    )

    assert "There are only 2 of Lantern left." in response.content.decode()
    assert not Interaction.objects.exists()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"product": "no such"}, "does not have this product"),
        ({"product": "\x00"}, "does not have this product"),
        ({}, "does not have this product"),
        ({"product": "P", "quantity": "many"}, "whole number from 1 to 999"),
        ({"product": "P", "quantity": "0"}, "from 1 to 999"),
        ({"product": "P", "quantity": "-4"}, "whole number from 1 to 999"),
    ],
)
def test_what_cannot_be_read_is_answered_in_words(client, fields, text):
    ProductFactory(code="P")

    response = client.post(reverse("accounts:cart-add"), fields, headers=HTMX)

    assert response.status_code == 200
    assert text in response.content.decode()


def test_a_line_can_be_changed_and_removed(client):
    product = ProductFactory()
    client.post(reverse("accounts:cart-add"), {"product": product.code})
    change = reverse("accounts:cart-change")

    client.post(change, {"product": product.code, "quantity": 4})
    shopper = Shopper.objects.get()
    assert [line.quantity for line in read_cart(shopper).lines] == [4]

    client.post(change, {"product": product.code, "quantity": 4, "remove": "yes"})
    assert read_cart(shopper).lines == ()


def test_a_cart_page_without_anything_says_so(client):
    assert "There is nothing in it yet." in client.get(reverse("accounts:cart")).content.decode()


# --- likes and hides --------------------------------------------------------------------------------------


def test_a_button_of_a_card_says_what_it_thinks_of_which_product(client):
    product = ProductFactory(code="a:b", name="Lantern")

    response = client.post(reverse("accounts:opinion"), {"opinion": "hide:a:b"}, headers=HTMX)

    assert "Lantern will not be shown to you again." in response.content.decode()
    assert [(one.kind, one.product) for one in Interaction.objects.all()] == [(Kind.HIDE, product)]


@pytest.mark.parametrize("opinion", ["", "like", "like:", "like:nonsense", "hate:P", "like:\x00"])
def test_an_opinion_of_nothing_is_answered_in_words(client, opinion):
    response = client.post(reverse("accounts:opinion"), {"opinion": opinion}, headers=HTMX)

    assert "does not have this product any more" in response.content.decode()
    assert not Interaction.objects.exists()


# --- checkout and orders ----------------------------------------------------------------------------------


def _form(client: Client) -> dict[str, str]:
    page = client.get(reverse("accounts:checkout")).content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="(token|total)" value="([^"]*)"', page))
    return {**ADDRESS, **hidden}


def test_a_newcomer_orders_without_an_account(client):
    product = ProductFactory(price=Decimal("1.95"))
    client.post(reverse("accounts:cart-add"), {"product": product.code, "quantity": 2})

    response = client.post(reverse("accounts:checkout"), _form(client))

    order = Order.objects.get()
    assert response["Location"] == f"/orders/{order.number}"
    assert order.total == Decimal("3.90")
    page = client.get(response["Location"]).content.decode()
    assert "Thank you." in page
    assert "£3.90" in page


def test_the_form_sent_twice_shows_the_same_order(client):
    client.post(reverse("accounts:cart-add"), {"product": ProductFactory().code})
    form = _form(client)

    first = client.post(reverse("accounts:checkout"), form)
    second = client.post(reverse("accounts:checkout"), form)

    assert first["Location"] == second["Location"]
    assert Order.objects.count() == 1


def test_a_new_price_is_shown_before_it_is_ordered(client):
    product = ProductFactory(price=Decimal("1.95"))
    client.post(reverse("accounts:cart-add"), {"product": product.code})
    form = _form(client)
    product.price = Decimal("2.95")
    product.save()

    page = client.post(reverse("accounts:checkout"), form).content.decode()

    assert "Prices have changed" in page
    assert "£2.95" in page
    assert 'name="total" value="2.95"' in page
    assert 'value="Ada Lovelace"' in page
    assert not Order.objects.exists()


def test_what_is_sold_out_meanwhile_is_marked_and_nothing_is_lost(client):
    product = ProductFactory(name="Lantern")
    client.post(reverse("accounts:cart-add"), {"product": product.code})
    form = _form(client)
    product.stock = 0
    product.save()

    page = client.post(reverse("accounts:checkout"), form).content.decode()

    assert "Sold out: please take it out of your basket." in page
    assert "12 St James&#x27;s Square" in page
    assert [line.product.name for line in read_cart(Shopper.objects.get()).lines] == ["Lantern"]


def test_an_empty_cart_has_no_checkout(client):
    assert client.get(reverse("accounts:checkout"))["Location"] == "/cart"


def test_fields_left_empty_are_named(client):
    client.post(reverse("accounts:cart-add"), {"product": ProductFactory().code})

    page = client.post(
        reverse("accounts:checkout"), {**_form(client), "email": "no address"}
    ).content.decode()

    assert "Enter a valid email address." in page
    assert not Order.objects.exists()


def test_somebody_elses_order_does_not_exist(client):
    owner = ShopperFactory()
    add_to_cart(shopper=owner, product=ProductFactory())
    order = place_order(shopper=owner, token=uuid.uuid4(), **ADDRESS)
    _signed_in(client)

    assert client.get(order.get_absolute_url()).status_code == 404
    assert client.get("/orders/%00").status_code == 404
    assert order.number not in client.get(reverse("accounts:orders")).content.decode()


# --- my data ----------------------------------------------------------------------------------------------


def test_removing_from_the_history_raises_the_sequence_number(client):
    shopper = _signed_in(client)
    interaction = InteractionFactory(shopper=shopper)

    response = client.post(reverse("accounts:history-remove", args=[interaction.uuid]), headers=HTMX)

    assert json.loads(response["HX-Trigger"]) == {"interaction-stored": {"seq": 2}}
    assert not shopper.interactions.exists()


def test_nobody_removes_what_is_anothers(client):
    interaction = InteractionFactory()
    _signed_in(client)

    client.post(reverse("accounts:history-remove", args=[interaction.uuid]))

    assert Interaction.objects.filter(pk=interaction.pk).exists()


def test_personal_feeds_are_switched_off_and_on(client):
    shopper = _signed_in(client)

    client.post(reverse("accounts:consent"), {"granted": "off"})
    assert shopper.consents.get().granted is False
    assert 'aria-checked="false"' in client.get(reverse("accounts:my-data")).content.decode()

    client.post(reverse("accounts:consent"), {"granted": "on"})
    assert shopper.consents.get().granted is True


def test_the_history_names_every_kind_in_words(client):
    shopper = _signed_in(client)
    for kind in Kind:
        query, product = ("lantern", None) if kind == Kind.SEARCH else ("", ProductFactory())
        InteractionFactory(shopper=shopper, kind=int(kind), product=product, query=query)

    page = client.get(reverse("accounts:my-data")).content.decode()

    for words in (
        "Looked at",
        "Clicked",
        "Into basket",
        "Out of basket",
        "Bought",
        "Rated",
        "Liked",
        "Hidden",
    ):
        assert words in page
    assert "“lantern”" in page


def test_the_export_is_the_shoppers_own_json(client):
    shopper = _signed_in(client)
    InteractionFactory(shopper=shopper)

    response = client.get(reverse("accounts:export"))

    held = json.loads(b"".join(response.streaming_content))
    assert held["shopper"]["id"] == str(shopper.uuid)
    assert len(held["interactions"]) == 1


def test_erasing_asks_first_and_then_leaves_nothing(client):
    shopper = _signed_in(client)
    InteractionFactory(shopper=shopper)

    client.post(reverse("accounts:erase"))
    assert Shopper.objects.filter(pk=shopper.pk).exists()

    response = client.post(reverse("accounts:erase"), {"sure": "on"})
    assert response["Location"] == "/"
    assert not Shopper.objects.exists()
    assert not User.objects.exists()


# --- staff ------------------------------------------------------------------------------------------------


def _staff(client: Client) -> User:
    user = UserFactory(is_staff=True)
    client.force_login(user)
    return user


def test_staff_find_a_customer_and_shop_as_them(client):
    _staff(client)
    customer = ShopperFactory(code="17850")
    ShopperFactory(code="12347")
    InteractionFactory(shopper=customer, kind=int(Kind.PURCHASE))

    found = client.get(reverse("accounts:shop-as"), {"q": "178"}).content.decode()
    assert "Customer 17850" in found
    assert "1 purchase<" in found.replace("\n", "")
    assert "Customer 12347" not in found

    client.post(reverse("accounts:shop-as"), {"shopper": str(customer.uuid)})
    home = client.get("/").content.decode()
    assert "You are shopping as <strong>Customer 17850</strong>" in home

    client.post(reverse("accounts:shop-as-stop"))
    assert "You are shopping as" not in client.get("/").content.decode()


def test_staff_who_shop_as_a_customer_neither_erase_nor_consent_for_them(client):
    _staff(client)
    customer = ShopperFactory(code="17850")
    client.post(reverse("accounts:shop-as"), {"shopper": str(customer.uuid)})

    assert client.post(reverse("accounts:erase"), {"sure": "on"}).status_code == 403
    assert client.post(reverse("accounts:consent"), {"granted": "off"}).status_code == 403
    assert Shopper.objects.filter(pk=customer.pk).exists()


@pytest.mark.parametrize("shopper", ["", "nonsense", str(uuid.uuid4())])
def test_a_customer_who_is_not_there_cannot_be_chosen(client, shopper):
    _staff(client)

    assert client.post(reverse("accounts:shop-as"), {"shopper": shopper}).status_code == 404


def test_to_everybody_else_shopping_as_a_customer_does_not_exist(client):
    customer = ShopperFactory(code="17850")
    assert client.get(reverse("accounts:shop-as")).status_code == 404

    _signed_in(client)
    assert client.get(reverse("accounts:shop-as")).status_code == 404
    assert client.post(reverse("accounts:shop-as"), {"shopper": str(customer.uuid)}).status_code == 404


def test_too_many_wrong_passwords_close_the_door_for_a_while(client, settings):
    UserFactory(email="ada@example.com")
    address, wrong = reverse("accounts:sign-in"), {"username": "ada@example.com", "password": "wrong"}

    answers = [client.post(address, wrong) for _ in range(settings.AXES_FAILURE_LIMIT)]

    assert [answer.status_code for answer in answers[:-1]] == [200] * (settings.AXES_FAILURE_LIMIT - 1)
    assert answers[-1].status_code == 429
    assert "Too many tries" in answers[-1].content.decode()
