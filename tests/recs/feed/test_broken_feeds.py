"""What fails or changes while a feed is made costs at most its part of it."""

from __future__ import annotations

import uuid

import pytest
from django.db import DatabaseError

from accounts.models import Shopper
from recs import product_vectors, registry
from recs.engine.interactions import Kind
from recs.feed import request
from recs.feed.scenarios import serve_feed
from recs.models import Recommendation
from recs.nightly import publish
from tests.factories import ShopperFactory
from tests.recs.feed.serving import codes, do
from tests.recs.small_shop import build_model

pytestmark = pytest.mark.django_db


def test_a_source_that_fails_does_not_cost_the_feed(shelves, model, monkeypatch, caplog):
    shopper = ShopperFactory()
    do(shopper, Kind.VIEW, shelves[0][0])

    def broken(**_):
        raise DatabaseError("the index is gone")

    monkeypatch.setattr(product_vectors, "nearest", broken)
    feed = serve_feed(scenario="home", shopper=shopper, count=8)

    assert len(feed.items) == 8
    assert [(one.name, one.error) for one in feed.trace.stages if one.error] == [
        ("nearest", "DatabaseError: the index is gone")
    ]
    assert "source nearest failed" in caplog.text


def test_a_shopper_who_cannot_be_encoded_still_gets_a_feed_of_what_they_did(shelves, model, monkeypatch):
    shopper = ShopperFactory()
    seq = do(shopper, Kind.VIEW, *shelves[1][:2])

    def broken(**_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(request, "fresh_history", broken)
    feed = serve_feed(scenario="home", shopper=shopper, count=5)

    assert (feed.seq, feed.trace.stages[0].error) == (seq, "RuntimeError: no memory")
    assert feed.items[0].product.category_id == shelves[1][0].category_id


def test_a_log_that_fails_does_not_cost_the_feed(shelves, monkeypatch, caplog):
    def broken(**_):
        raise DatabaseError("disk full")

    monkeypatch.setattr(Recommendation.objects, "create", broken)
    feed = serve_feed(scenario="trending", shopper=None, count=4)

    assert (feed.recommendation, len(feed.items)) == (None, 4)
    assert "was not logged" in caplog.text


def test_a_swap_during_a_feed_does_not_mix_versions(shelves, model, monkeypatch):
    shopper = ShopperFactory()
    do(shopper, Kind.VIEW, shelves[0][0])
    products = [product for shelf in shelves for product in shelf]
    expected = codes(serve_feed(scenario="home", shopper=shopper, count=8))
    challenger, _ = build_model(products)
    read, used = registry.active_version, []

    def read_then_swap():
        """The challenger becomes active as soon as the feed has read which version is."""
        found = read()
        if not swapped:
            swapped.append(True)
            publish.activate(challenger)
        return found

    def noting(search):
        def call(**asked):
            used.append(asked["version"].name)
            return search(**asked)

        return call

    swapped: list[bool] = []
    monkeypatch.setattr(registry, "active_version", read_then_swap)
    for name in ("nearest", "similar"):
        monkeypatch.setattr(product_vectors, name, noting(getattr(product_vectors, name)))
    feed = serve_feed(scenario="home", shopper=shopper, count=8)

    assert used == [model.name, model.name]
    assert (feed.model_version, codes(feed)) == (model.name, expected)
    assert serve_feed(scenario="home", shopper=shopper, count=8).model_version == challenger.name


def test_a_shopper_erased_meanwhile_gets_a_newcomers_feed(shelves, model):
    shopper = ShopperFactory()
    do(shopper, Kind.VIEW, shelves[0][0])
    Shopper.objects.filter(pk=shopper.pk).delete()

    feed = serve_feed(scenario="home", shopper=shopper, count=4, log=False)

    assert (feed.seq, len(feed.items)) == (0, 4)
    assert isinstance(serve_feed(scenario="home", shopper=None, count=4).recommendation, uuid.UUID)
