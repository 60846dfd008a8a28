"""The buttons of cards in a real Chromium: their answers arrive although the feed around them renews itself."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from catalog.models import Product
from tests.paths.shop import stock_the_shop

LIVE_CARDS = "#feed-home [data-card]"


@pytest.fixture
def shelves(transactional_db: None) -> dict[str, list[Product]]:
    return stock_the_shop()


def test_adding_from_the_live_feed_shows_the_new_number_and_a_note(page: Page, shelves):
    page.goto("/")
    name = page.locator(f"{LIVE_CARDS} .card-name").first.inner_text()

    with page.expect_response(lambda got: got.url.endswith("/feed/home") and got.ok):
        page.locator(f"{LIVE_CARDS} .card-add").first.click()

    expect(page.locator("#basket-link .count")).to_contain_text("1")
    expect(page.locator("#notes")).to_contain_text(f"{name} is in your basket.")


def test_two_cards_added_in_a_row_are_both_answered(page: Page, shelves):
    page.goto("/")

    # By one script: no time passes between the clicks, so the second is under way when the first is answered.
    page.locator(f"{LIVE_CARDS} .card-add").evaluate_all(
        "buttons => buttons.slice(0, 2).forEach(b => b.click())"
    )

    expect(page.locator("#basket-link .count")).to_contain_text("2")
    expect(page.locator("#notes .note")).to_have_count(2)


def test_an_answer_that_was_overtaken_does_not_bring_an_older_number_back(page: Page, shelves):
    """The first of two answers comes last, as on a slow network."""
    routes: list[Route] = []

    def in_opposite_order(route: Route) -> None:
        routes.append(route)
        if len(routes) == 2:
            answers = [route.fetch() for route in routes]
            for route, answer in zip(reversed(routes), reversed(answers), strict=True):
                route.fulfill(response=answer)

    page.route("**/cart/add", in_opposite_order)
    page.goto("/")
    page.locator(f"{LIVE_CARDS} .card-add").evaluate_all(
        "buttons => buttons.slice(0, 2).forEach(b => b.click())"
    )

    expect(page.locator("#notes .note")).to_have_count(2)
    expect(page.locator("#basket-link .count")).to_contain_text("2")
