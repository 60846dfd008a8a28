"""What a shopper sees of their own data, takes away and erases."""

import json

import pytest
from django.urls import reverse

from accounts.models import Shopper, User
from recs.engine.interactions import Kind
from recs.models import Interaction
from tests.accounts.views.visitors import signed_in
from tests.factories import InteractionFactory, ProductFactory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def test_removing_from_the_history_raises_the_sequence_number(client):
    shopper = signed_in(client)
    interaction = InteractionFactory(shopper=shopper)

    response = client.post(reverse("accounts:history-remove", args=[interaction.uuid]), headers=HTMX)

    assert json.loads(response["HX-Trigger"]) == {"interaction-stored": {"seq": 2}}
    assert not shopper.interactions.exists()


def test_nobody_removes_what_is_anothers(client):
    interaction = InteractionFactory()
    signed_in(client)

    client.post(reverse("accounts:history-remove", args=[interaction.uuid]))

    assert Interaction.objects.filter(pk=interaction.pk).exists()


def test_personal_feeds_are_switched_off_and_on(client):
    shopper = signed_in(client)

    client.post(reverse("accounts:consent"), {"granted": "off"})
    assert shopper.consents.get().granted is False
    assert 'aria-checked="false"' in client.get(reverse("accounts:my-data")).content.decode()

    client.post(reverse("accounts:consent"), {"granted": "on"})
    assert shopper.consents.get().granted is True


def test_the_history_names_every_kind_in_words(client):
    shopper = signed_in(client)
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
    shopper = signed_in(client)
    InteractionFactory(shopper=shopper)

    response = client.get(reverse("accounts:export"))

    held = json.loads(b"".join(response.streaming_content))
    assert held["shopper"]["id"] == str(shopper.uuid)
    assert len(held["interactions"]) == 1


def test_erasing_asks_first_and_then_leaves_nothing(client):
    shopper = signed_in(client)
    InteractionFactory(shopper=shopper)

    client.post(reverse("accounts:erase"))
    assert Shopper.objects.filter(pk=shopper.pk).exists()

    response = client.post(reverse("accounts:erase"), {"sure": "on"})
    assert response["Location"] == "/"
    assert not Shopper.objects.exists()
    assert not User.objects.exists()
