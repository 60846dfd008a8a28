"""Likes and hides by the buttons of a card."""

import pytest
from django.urls import reverse

from recs.engine.interactions import Kind
from recs.models import Interaction
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


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
