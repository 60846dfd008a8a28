"""Who is shopping."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.identity import (
    create_token_shopper,
    greet,
    remember,
    shopper_for,
    shopper_of,
    shopping_as,
    start_shopping_as,
    stop_shopping_as,
)
from accounts.models import Shopper, User
from tests.factories import ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db


def request_of(user: User | None = None, *, cookie: str | None = None, token: str | None = None):
    request = RequestFactory().get("/", headers={"Authorization": f"Shopper {token}"} if token else {})
    request.user = user or AnonymousUser()
    request.session = {}
    if cookie is not None:
        request.COOKIES[settings.SHOPPER_COOKIE_NAME] = cookie
    return request


def cookie_of(shopper: Shopper) -> str:
    response = HttpResponse()
    remember(response, shopper)
    return response.cookies[settings.SHOPPER_COOKIE_NAME].value


def test_a_stranger_is_nobody_until_a_shopper_is_asked_for():
    request = request_of()

    assert shopper_for(request) is None
    shopper = shopper_for(request, create=True)
    assert shopper_for(request) == shopper == Shopper.objects.get()


def test_a_browser_is_known_by_its_cookie():
    shopper = ShopperFactory()

    assert shopper_for(request_of(cookie=cookie_of(shopper))) == shopper


FORGERIES = [str.upper, lambda cookie: cookie[:-2], lambda cookie: cookie.split(":")[0]]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_cookie_is_nobody(forge):
    cookie = forge(cookie_of(ShopperFactory()))

    assert shopper_for(request_of(cookie=cookie)) is None


def test_the_cookie_of_an_erased_shopper_is_nobody_and_makes_a_new_one():
    erased = ShopperFactory()
    cookie = cookie_of(erased)
    uuid = erased.uuid
    erased.delete()

    shopper = shopper_for(request_of(cookie=cookie), create=True)

    assert shopper.uuid != uuid


def test_the_cookie_of_before_does_not_open_the_account_after_sign_out():
    shopper = ShopperFactory()
    cookie = cookie_of(shopper)
    shopper.user = UserFactory()
    shopper.save()

    assert shopper_for(request_of(cookie=cookie)) is None


def test_people_and_imported_customers_get_no_cookie():
    for shopper in (ShopperFactory(user=UserFactory()), ShopperFactory(code="17850"), None):
        response = HttpResponse()
        remember(response, shopper)
        assert not response.cookies


def test_a_token_is_kept_as_a_digest_only():
    shopper, token = create_token_shopper()

    assert shopper_for(request_of(token=token)) == shopper
    assert shopper_for(request_of(token=token + "x")) is None
    assert token not in str(Shopper.objects.values().get())


def test_a_person_signed_in_wins_over_token_and_cookie():
    user = UserFactory()
    _, token = create_token_shopper()
    cookie = cookie_of(ShopperFactory())

    assert shopper_for(request_of(user, token=token, cookie=cookie)) is None
    mine = shopper_for(request_of(user, token=token, cookie=cookie), create=True)
    assert mine.user == user
    assert shopper_of(user) == mine


def test_a_request_asks_for_its_shopper_once(django_assert_num_queries: DjangoAssertNumQueries):
    request = request_of(cookie=cookie_of(ShopperFactory(last_seen_at=timezone.now())))

    with django_assert_num_queries(1):
        assert shopper_for(request) == shopper_for(request)


def test_signing_in_during_a_request_changes_its_shopper():
    request = request_of(cookie=cookie_of(ShopperFactory()))
    anonymous = shopper_for(request)

    request.user = UserFactory()

    assert shopper_for(request, create=True) != anonymous


def test_last_seen_moves_on_every_few_minutes_only():
    now = timezone.now()
    shopper = ShopperFactory(last_seen_at=now - timedelta(minutes=4))
    cookie = cookie_of(shopper)

    assert shopper_for(request_of(cookie=cookie)).last_seen_at == now - timedelta(minutes=4)
    Shopper.objects.update(last_seen_at=now - timedelta(minutes=6))
    shopper_for(request_of(cookie=cookie))
    assert Shopper.objects.get().last_seen_at >= now


def test_staff_shop_as_a_customer_as_long_as_they_are_staff():
    staff, customer = UserFactory(is_staff=True), ShopperFactory(code="17850")
    request = request_of(staff)

    start_shopping_as(request, customer)
    assert shopper_for(request) == customer
    assert shopping_as(request) is True

    staff.is_staff = False
    assert shopper_for(request) is None
    assert shopping_as(request) is False

    staff.is_staff = True
    stop_shopping_as(request)
    assert shopper_for(request) is None


def test_an_ordinary_session_cannot_shop_as_somebody_else():
    request = request_of(UserFactory())

    start_shopping_as(request, ShopperFactory(code="17850"))

    assert shopper_for(request) is None


def greeting() -> str | None:
    response = HttpResponse()
    greet(request_of(), response)
    return response.cookies[settings.SHOPPER_COOKIE_NAME].value


def test_a_newcomer_is_greeted_without_a_row():
    assert shopper_for(request_of(cookie=greeting())) is None
    assert Shopper.objects.count() == 0


def test_the_first_clicks_of_a_newcomer_make_one_shopper():
    cookie = greeting()

    first = shopper_for(request_of(cookie=cookie), create=True)
    second = shopper_for(request_of(cookie=cookie), create=True)

    assert first == second
    assert shopper_for(request_of(cookie=cookie_of(first))) == first


@pytest.mark.django_db(transaction=True)
def test_the_first_clicks_of_a_newcomer_may_come_at_once():
    cookie, barrier = greeting(), Barrier(4)

    def click() -> Shopper:
        barrier.wait()
        try:
            return shopper_for(request_of(cookie=cookie), create=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        clicks = [pool.submit(click) for _ in range(4)]

    assert len({click.result().pk for click in clicks}) == 1


def test_whoever_is_known_is_not_greeted():
    known = cookie_of(ShopperFactory())
    for request in (request_of(UserFactory()), request_of(cookie=greeting()), request_of(cookie=known)):
        response = HttpResponse()
        greet(request, response)
        assert not response.cookies


def test_a_shopper_remembered_by_the_page_itself_is_not_replaced():
    shopper, response = ShopperFactory(), HttpResponse()
    remember(response, shopper)

    greet(request_of(), response)

    assert shopper_for(request_of(cookie=response.cookies[settings.SHOPPER_COOKIE_NAME].value)) == shopper


def test_a_greeting_never_opens_an_account():
    cookie = greeting()
    shopper = shopper_for(request_of(cookie=cookie), create=True)
    Shopper.objects.update(user=UserFactory())

    assert shopper_for(request_of(cookie=cookie)) is None
    assert shopper_for(request_of(cookie=cookie), create=True) != shopper
