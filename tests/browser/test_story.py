"""The newcomer's story in a real Chromium: three lunch bags, and the home page follows without a reload."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from catalog.models import Product
from recs.models import Interaction
from tests.paths.shop import publish_a_model, stock_the_shop

CARDS = "#feed-home [data-card]"


@pytest.fixture
def shelves(transactional_db: None) -> dict[str, list[Product]]:
    shelves = stock_the_shop()
    publish_a_model()
    return shelves


def test_three_lunch_bags_later_the_home_page_shows_lunch_bags_with_reasons(page: Page, shelves):
    page.goto("/")
    expect(page.locator(f"{CARDS} .card-reason").first).to_have_text(re.compile("Popular|New"))

    for bag in shelves["Lunch bag"][:3]:
        with page.expect_response(lambda got: got.url.endswith("/api/v1/interactions") and got.ok):
            page.goto(bag.get_absolute_url())
    page.goto("/")

    expect(page.locator(CARDS).first).to_contain_text("Lunch bag number")
    expect(page.locator(f"{CARDS} .card-reason").first).to_contain_text(
        "Because you looked at Lunch bag number"
    )


def test_an_open_home_page_follows_what_another_tab_does_without_a_reload(page: Page, shelves):
    page.goto("/")
    page.evaluate("window.notReloaded = true")
    before = page.locator(CARDS).evaluate_all("cards => cards.map(card => card.dataset.card)")
    other = page.context.new_page()

    for mug in shelves["Mug"][:3]:
        with other.expect_response(lambda got: got.url.endswith("/api/v1/interactions") and got.ok):
            other.goto(mug.get_absolute_url())

    expect(page.locator(CARDS).first).to_contain_text("Mug number")
    assert page.evaluate("window.notReloaded") is True
    assert page.locator(CARDS).evaluate_all("cards => cards.map(card => card.dataset.card)") != before


def test_going_back_shows_a_feed_that_has_seen_what_was_looked_at(page: Page, shelves):
    page.goto("/")
    candle = shelves["Candle"][0]
    with page.expect_response(lambda got: got.url.endswith("/api/v1/interactions") and got.ok):
        page.goto(candle.get_absolute_url())

    page.go_back()

    expect(page.locator(f"{CARDS} .card-reason").first).to_contain_text("Because you looked at Candle")


def test_hiding_a_product_takes_it_off_the_open_page(page: Page, shelves):
    with page.expect_response(lambda got: got.url.endswith("/api/v1/interactions") and got.ok):
        page.goto(shelves["Garland"][0].get_absolute_url())
    page.goto("/")
    first = page.locator(CARDS).first
    code = first.get_attribute("data-card")

    first.hover()
    first.locator("[data-opinion=hide]").click()

    expect(page.locator(f'#feed-home [data-card="{code}"]')).to_have_count(0)
    assert page.url.endswith("/")


def test_from_sign_up_to_an_order_and_out_of_the_history(page: Page, shelves):
    mug = shelves["Mug"][4]
    page.goto(mug.get_absolute_url())
    with page.expect_response(lambda got: got.url.endswith(reverse("accounts:cart-add"))):
        page.get_by_role("button", name="Add to basket", exact=True).click()
    page.goto("/cart")
    expect(page.locator("main")).to_contain_text(mug.name)

    page.goto("/account/sign-up")
    page.get_by_label("E-mail").fill("new.person@example.com")
    for field in page.locator("input[type=password]").all():
        field.fill("a long enough pass phrase")
    page.locator("main form button[type=submit]").click()
    page.goto("/cart")
    expect(page.locator("main")).to_contain_text(mug.name)

    page.goto("/checkout")
    page.get_by_label("Name", exact=False).fill("New Person")
    page.get_by_label("E-mail").fill("new.person@example.com")
    page.get_by_label("Delivery address").fill("1 High Street, Anytown")
    page.locator("main form button[type=submit]").click()
    expect(page).to_have_url(re.compile("/orders/"))
    expect(page.locator("main")).to_contain_text(mug.name)

    page.goto("/")
    expect(page.locator(f'#feed-home [data-card="{mug.code}"]')).to_have_count(0)
    expect(page.locator(f"{CARDS} .card-reason").first).to_contain_text("Because you")


def test_removing_an_entry_of_the_history_changes_the_feed_at_once(page: Page, shelves):
    bag = shelves["Lunch bag"][0]
    with page.expect_response(lambda got: got.url.endswith("/api/v1/interactions") and got.ok):
        page.goto(bag.get_absolute_url())
    page.goto("/my-data")
    expect(page.locator("main")).to_contain_text(bag.name)

    page.get_by_role("button", name=re.compile("Remove")).first.click()
    expect(page.locator(".history li")).to_have_count(0)
    page.goto("/")

    assert not Interaction.objects.filter(product=bag, kind=1).exclude(shopper__code__isnull=False).exists()
    expect(page.locator(f"{CARDS} .card-reason").first).to_have_text(re.compile("Popular|New"))


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_its_window(page: Page, shelves, width: int):
    page.set_viewport_size({"width": width, "height": 844})
    bag = shelves["Lunch bag"][0]
    addresses = ["/", bag.get_absolute_url(), "/c/lunch-bag", "/search?q=mug", "/cart", "/my-data"]
    addresses += ["/account/sign-in", "/account/sign-up", "/orders"]

    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_without_javascript_one_can_shop(browser: Browser, live_url: str, shelves):
    context = browser.new_context(base_url=live_url, java_script_enabled=False)
    page = context.new_page()
    candle = shelves["Candle"][0]

    page.goto("/")
    expect(page.locator(CARDS).first).to_be_visible()
    page.goto("/search?q=candle")
    page.goto(candle.get_absolute_url())
    page.get_by_role("button", name="Add to basket", exact=True).click()
    page.goto("/checkout")
    page.get_by_label("Name", exact=False).fill("Paper Person")
    page.get_by_label("E-mail").fill("paper@example.com")
    page.get_by_label("Delivery address").fill("2 Low Street, Anytown")
    page.locator("main form button[type=submit]").click()

    expect(page).to_have_url(re.compile("/orders/"))
    expect(page.locator("main")).to_contain_text(candle.name)
    context.close()


def test_nothing_is_fetched_from_elsewhere(page: Page, live_url: str, shelves):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    for address in ("/", shelves["Mug"][0].get_absolute_url(), "/api/docs", "/admin/login/"):
        page.goto(address)
        page.wait_for_load_state("networkidle")

    assert [url for url in asked if not url.startswith((live_url, "data:", "blob:"))] == []
