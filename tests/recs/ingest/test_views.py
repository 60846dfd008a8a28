"""The picture by which a page without scripts reports that a product was looked at."""

import pytest
from django.conf import settings
from django.test import Client

from accounts.identity import shopper_for
from accounts.models import Shopper
from recs.engine.interactions import Kind
from recs.ingest import record
from recs.models import Interaction
from tests.factories import ProductFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def jumbo_bag():
    return ProductFactory(code="22386/A")


def signed_in() -> Client:
    client = Client()
    client.force_login(UserFactory())
    return client


def test_the_page_of_a_product_brings_the_picture_for_browsers_without_scripts(client, jumbo_bag):
    page = client.get(jumbo_bag.get_absolute_url()).content.decode()

    without_scripts = page.partition("<noscript>")[2].partition("</noscript>")[0]
    assert 'src="/seen/22386/A"' in without_scripts


def test_a_view_is_recorded_and_the_worker_woken(jumbo_bag, monkeypatch, django_capture_on_commit_callbacks):
    woken: list[list[int]] = []
    monkeypatch.setattr(record, "wake_worker", lambda shoppers: woken.append(list(shoppers)))
    shopper = ShopperFactory(user=UserFactory())
    client = Client()
    client.force_login(shopper.user)

    with django_capture_on_commit_callbacks(execute=True):
        response = client.get("/seen/22386/A")

    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert response.content.startswith(b"GIF89a\x01\x00\x01\x00")
    assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))
    stored = Interaction.objects.get()
    assert (stored.shopper, stored.kind, stored.product, stored.seq) == (shopper, Kind.VIEW, jumbo_bag, 1)
    assert woken == [[shopper.pk]]


def test_a_newcomers_first_look_makes_the_shopper_that_the_cookie_promised(client, jumbo_bag, rf):
    client.get(jumbo_bag.get_absolute_url())

    client.get("/seen/22386/A")
    client.get("/seen/22386/A")

    shopper = Shopper.objects.get()
    assert shopper.last_seq == 2
    request = rf.get("/")
    request.COOKIES[settings.SHOPPER_COOKIE_NAME] = client.cookies[settings.SHOPPER_COOKIE_NAME].value
    assert shopper_for(request) == shopper


def test_of_a_browser_without_a_cookie_nothing_is_stored(client):
    assert client.get("/seen/22386/A").status_code == 200

    assert not Interaction.objects.exists()
    assert not Shopper.objects.exists()


@pytest.mark.parametrize("address", ["/seen/no-such", "/seen/%00"])
def test_a_product_that_is_not_there_is_not_found(address):
    assert signed_in().get(address).status_code == 404


def test_a_product_that_was_taken_off_sale_is_not_found(jumbo_bag):
    jumbo_bag.visible = False
    jumbo_bag.save()

    assert signed_in().get("/seen/22386/A").status_code == 404
    assert not Interaction.objects.exists()


def test_a_page_of_another_site_adds_nothing_to_a_history():
    response = signed_in().get("/seen/22386/A", headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403
    assert not Interaction.objects.exists()


def test_asking_for_the_head_alone_records_nothing():
    assert signed_in().head("/seen/22386/A").status_code == 405
    assert not Interaction.objects.exists()
