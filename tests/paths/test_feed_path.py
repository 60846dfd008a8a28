"""PATH 2 for real, over HTTP, with a published model and without one."""

from __future__ import annotations

import pytest

from catalog.models import Product
from recs.ingest.record import record_purchase
from recs.models import Recommendation
from tests.paths.client import codes, names, new_shopper
from tests.paths.shop import publish_a_model, stock_the_shop


def test_without_a_model_a_feed_still_answers_and_says_so(server):
    stock_the_shop()
    shopper = new_shopper(server)

    feed = shopper.feed(scenario="home", count=10)

    assert feed["model_version"] is None
    assert len(feed["items"]) == 10
    assert {item["reason"]["code"] for item in feed["items"]} <= {"trending", "new"}


def test_an_empty_shop_serves_an_empty_feed(server):
    assert new_shopper(server).feed(scenario="home")["items"] == []


def test_what_is_hidden_or_sold_out_or_bought_is_not_shown(server):
    shelves = stock_the_shop()
    publish_a_model()
    shopper = new_shopper(server)
    shopper.interact("view", *[bag.code for bag in shelves["Lunch bag"][:2]])
    first, second, third = codes(shopper.feed(scenario="home", count=3))

    seq = shopper.interact("hide", first)
    Product.objects.filter(code=second).update(stock=0)
    record_purchase(shopper=shopper.row, lines=[(Product.objects.get(code=third), 1, None)])
    after = shopper.feed(scenario="home", count=48)
    with_bought = shopper.feed(scenario="home", count=48, seen=1)

    assert after["seq"] == seq + 1
    assert not {first, second, third} & set(codes(after))
    assert third in codes(with_bought)
    assert not {first, second} & set(codes(with_bought))


def test_a_served_feed_is_logged_and_a_click_refers_to_it(server):
    shelves = stock_the_shop()
    shopper = new_shopper(server)
    feed = shopper.feed(scenario="trending", count=5)

    served = Recommendation.objects.get(uuid=feed["recommendation"])
    assert [item["product"] for item in served.items] == codes(feed)
    assert served.shopper == shopper.row

    entry = {
        "id": "5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e",
        "kind": "click",
        "product": shelves["Mug"][0].code,
        "recommendation": feed["recommendation"],
    }
    shopper.call("POST", "/api/v1/interactions", entry)
    assert str(shopper.row.interactions.get().recommendation) == feed["recommendation"]


@pytest.mark.parametrize("scenario", ["similar", "bought_together"])
def test_feeds_about_a_product_leave_it_out(server, scenario):
    shelves = stock_the_shop()
    publish_a_model()
    candle = shelves["Candle"][0]

    feed = new_shopper(server).feed(scenario=scenario, product=candle.code, count=6)

    assert candle.code not in codes(feed)
    assert all(name.startswith("Candle") for name in names(feed)[:3])


def test_reranking_loses_nothing_and_names_the_unknown(server):
    shelves = stock_the_shop()
    publish_a_model()
    shopper = new_shopper(server)
    shopper.interact("view", *[mug.code for mug in shelves["Mug"][:3]])
    asked = [shelves["Candle"][5].code, shelves["Mug"][7].code, "no-such-code", shelves["Candle"][6].code]

    answer = shopper.call("POST", "/api/v1/rerank", {"products": asked})

    assert codes(answer)[0] == shelves["Mug"][7].code
    assert sorted(codes(answer)) == sorted({*asked} - {"no-such-code"})
    assert answer["unknown"] == ["no-such-code"]


def test_search_finds_words_of_the_name(server):
    stock_the_shop()

    feed = new_shopper(server).feed(scenario="search", query="lunch+bags", count=5)

    assert all(name.startswith("Lunch bag") for name in names(feed))
    assert feed["items"][0]["reason"]["code"] == "matches_search"


def test_a_shopper_who_refuses_personalisation_sees_what_a_newcomer_sees(server):
    shelves = stock_the_shop()
    publish_a_model()
    shopper = new_shopper(server)
    shopper.interact("view", shelves["Mug"][0].code)

    shopper.call("PATCH", "/api/v1/shoppers/me", {"consent": {"personalisation": False}})
    feed = shopper.feed(scenario="home", count=8)

    assert {item["reason"]["code"] for item in feed["items"]} <= {"trending", "new"}


def test_a_model_whose_files_are_damaged_does_not_cost_the_feed(server):
    shelves = stock_the_shop()
    run = publish_a_model()
    assert run.version is not None
    run.version.manifest_sha256 = "0" * 64
    run.version.save()
    shopper = new_shopper(server)
    seq = shopper.interact("view", shelves["Mug"][0].code)

    feed = shopper.feed(scenario="home", count=5)

    assert len(feed["items"]) == 5
    assert feed["seq"] == seq
    assert not any("nearest" in item["sources"] for item in feed["items"])
