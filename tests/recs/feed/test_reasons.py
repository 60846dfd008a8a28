"""Reasons of real feeds against scores worked out the long way: the history encoded again without each product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Shopper
from catalog.models import Product
from recs import shopper_vectors
from recs.engine.interactions import History, Kind
from recs.feed import scorers, sources
from recs.feed.candidates import Ranked
from recs.feed.explain import BY_KIND, LEAST_OWED, score_owed, without_each
from recs.feed.request import Asked, ask
from recs.feed.response import Feed
from recs.feed.scenarios import pipeline_for, serve_feed
from recs.popularity import refresh_popularity
from recs.registry import ActiveVersion
from recs.shopper_vectors import encode_shoppers
from tests.factories import InteractionFactory, ShopperFactory, UserFactory
from tests.recs import small_shop
from tests.recs.small_shop import NOW

pytestmark = pytest.mark.django_db

ROUNDING = 1e-3
"""Of stored vectors, which are halves."""
BY_HISTORY = {code for code, _ in BY_KIND.values()}


class Shop:
    """Three shelves, a model trained on who bought from which, and a shopper to be explained to."""

    def __init__(self) -> None:
        self.shelves = small_shop.make_shelves(3, 12)
        small_shop.make_histories(self.shelves, shoppers=60, length=8)
        refresh_popularity()
        self.version, self.model, self.keys = small_shop.publish_trained_model()

    def history_of(self, shopper: Shopper) -> History:
        done = list(shopper.interactions.order_by("occurred_at", "seq"))
        return History(
            np.array([self.keys.index(one.product_id) for one in done], dtype=np.int64),
            np.array([one.kind for one in done], dtype=np.int64),
            np.array([int(one.occurred_at.timestamp()) for one in done], dtype=np.int64),
            np.array([np.nan if one.value is None else one.value for one in done], dtype=np.float32),
        )

    def by_brute_force(self, shopper: Shopper, product: Product) -> dict[int, float]:
        """By product of the history: the score with it minus the score without it, each encoded by itself."""
        whole, target = self.history_of(shopper), self.model.vectors[self.keys.index(product.pk)]
        score = float(self.model.encode([whole])[0] @ target)
        return {
            self.keys[item]: score - float(self.model.encode([without(whole, item)])[0] @ target)
            for item in set(whole.item.tolist())
        }


def without(history: History, item: int) -> History:
    kept = history.item != item
    return History(history.item[kept], history.kind[kept], history.time[kept], history.value[kept])


@pytest.fixture
def shop(artifacts) -> Shop:
    return Shop()


def looked_at(*products: Product) -> Shopper:
    """One product an hour; a product that stands there twice was looked at twice."""
    shopper = ShopperFactory()
    for hour, product in enumerate(products):
        at = NOW + timedelta(hours=hour)
        InteractionFactory(shopper=shopper, product=product, kind=int(Kind.VIEW), occurred_at=at)
    return shopper


def shoppers_of(shop: Shop) -> Iterator[Shopper]:
    mixed = [shelf[place] for place in range(3) for shelf in shop.shelves]
    yield looked_at(*mixed)
    yield looked_at(*mixed[::-1], mixed[0], mixed[4])
    yield looked_at(shop.shelves[0][0], shop.shelves[1][0], shop.shelves[0][0], shop.shelves[0][1])


def asked_home(shopper: Shopper, version: ActiveVersion) -> Asked:
    return ask("home", shopper, None, "", 24, False, version)


def ranked(shopper: Shopper, version: ActiveVersion, **stages: object) -> list[Ranked]:
    """The home feed before it is an answer; ``stages`` of the pipeline may be others."""
    asked = asked_home(shopper, version)
    pipeline = pipeline_for("home", asked.request, version)
    return replace(pipeline, contribute=asked.contribute, **stages).run(asked.request).ranked  # type: ignore[arg-type]


def home(shopper: Shopper) -> Feed:
    return serve_feed(scenario="home", shopper=shopper, count=24, log=False)


def test_contributions_are_differences_of_scores(shop):
    for shopper in shoppers_of(shop):
        feed = home(shopper)

        assert len(feed.items) == 24
        for item in feed.items:
            expected = shop.by_brute_force(shopper, item.product)
            assert item.contributions == pytest.approx(expected, abs=ROUNDING)
    largest = max(abs(value) for item in feed.items for value in item.contributions.values())
    assert largest > 50 * ROUNDING


def test_the_reason_is_the_product_that_the_score_owes_most(shop):
    told = 0
    for shopper in shoppers_of(shop):
        request = asked_home(shopper, shop.version).request
        for one in ranked(shopper, shop.version):
            product = Product.objects.get(pk=one.candidate.product_id)
            added = shop.by_brute_force(shopper, product)
            owed = score_owed(one.candidate, added, request, without_each(request))
            owed.pop(product.pk, None)
            if one.reason.code in BY_HISTORY:
                told += 1
                if max(owed.values()) > LEAST_OWED + ROUNDING:
                    assert owed[one.reason.product_id] >= max(owed.values()) - ROUNDING
                elif max(owed.values()) < LEAST_OWED - ROUNDING:
                    # Each can stand in for another: the one that a likeness was measured to.
                    measured = {proposal.because for proposal in one.candidate.proposals.values()}
                    assert one.reason.product_id in measured
            elif "nearest" in one.candidate.proposals:
                assert max(owed.values()) < LEAST_OWED + ROUNDING
    assert told > 24


def test_where_the_model_alone_ranks_the_reason_is_its_largest_contribution(shop):
    alone = {"sources": (sources.nearest(shop.version),), "scorers": (scorers.shopper_affinity,)}
    told = 0
    for shopper in shoppers_of(shop):
        for one in ranked(shopper, shop.version, **alone):
            product = Product.objects.get(pk=one.candidate.product_id)
            owed = shop.by_brute_force(shopper, product)
            owed.pop(product.pk, None)
            if one.reason.code in BY_HISTORY:
                told += 1
                assert owed[one.reason.product_id] > LEAST_OWED - ROUNDING
                assert owed[one.reason.product_id] >= max(owed.values()) - ROUNDING
            else:
                assert max(owed.values()) < LEAST_OWED + ROUNDING
    assert told > 24


def test_the_only_product_of_a_history_adds_the_whole_score(shop):
    for shopper in (looked_at(shop.shelves[1][3]), looked_at(*[shop.shelves[1][3]] * 3)):
        for item in home(shopper).items:
            whole = item.features["shopper_affinity"]
            assert item.contributions == {shop.shelves[1][3].pk: pytest.approx(whole, abs=ROUNDING)}


def test_what_is_done_next_changes_the_contributions_at_once(shop):
    shopper = looked_at(*shop.shelves[0][:3])
    before = home(shopper).items[0].contributions

    InteractionFactory(shopper=shopper, product=shop.shelves[2][0], occurred_at=NOW + timedelta(days=1))
    after = home(shopper)

    assert shop.shelves[2][0].pk not in before
    expected = shop.by_brute_force(shopper, after.items[0].product)
    assert after.items[0].contributions == pytest.approx(expected, abs=ROUNDING)


def test_a_hidden_product_takes_part_and_is_not_spoken_of(shop):
    hidden = shop.shelves[0][2]
    shopper = looked_at(*shop.shelves[0][:3])
    InteractionFactory(shopper=shopper, product=hidden, kind=int(Kind.HIDE), occurred_at=NOW)

    feed = home(shopper)

    assert all(hidden.pk in item.contributions for item in feed.items)
    assert not any(item.reason.product == hidden for item in feed.items)


def test_a_complaint_is_no_reason(shop):
    shopper = looked_at(shop.shelves[0][0])
    bad = shop.shelves[0][1]
    InteractionFactory(
        shopper=shopper, product=bad, kind=int(Kind.RATING), value=1.0, occurred_at=NOW + timedelta(hours=5)
    )

    assert {
        one.product_id for one in ask("home", shopper, None, "", 8, False, shop.version).request.causes
    } == {shop.shelves[0][0].pk}


def test_contributions_need_no_statement_of_their_own(shop):
    shopper = looked_at(*shop.shelves[0][:3])
    encode_shoppers(shopper_ids=[shopper.pk], version=shop.version)

    with CaptureQueriesContext(connection) as captured:
        home(shopper)

    reading = [one["sql"] for one in captured if "recs_shoppervector" in one["sql"]]
    assert len(reading) == 1
    assert "recs_interaction" in reading[0]


def test_a_model_that_cannot_be_asked_again_costs_the_contributions_alone(shop, monkeypatch, caplog):
    shopper = looked_at(*shop.shelves[0][:3])
    expected = [item.product for item in home(shopper).items]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(type(shopper_vectors.load_encoder(shop.version)), "left_out", broken)
    feed = home(shopper)

    assert [item.product for item in feed.items] == expected
    assert [one.error for one in feed.trace.stages if one.name == "contributions"] == [
        "RuntimeError: no memory"
    ]


def test_staff_see_by_the_api_what_each_product_of_the_history_adds(shop):
    user = UserFactory(is_staff=True)
    shopper = looked_at(*shop.shelves[0][:3])
    Shopper.objects.filter(pk=shopper.pk).update(user=user)
    client = APIClient(headers={"Authorization": f"Token {AuthToken.objects.create(user)[1]}"})

    feed = client.get("/api/v1/feed", {"debug": "1"}).json()

    (stage,) = [one for one in feed["trace"] if one["name"] == "contributions"]
    for item in feed["items"]:
        product = Product.objects.get(code=item["product"]["id"])
        codes = {one.pk: one.code for one in shop.shelves[0]}
        expected = {codes[key]: value for key, value in shop.by_brute_force(shopper, product).items()}
        assert stage["contributions"][product.code] == pytest.approx(expected, abs=ROUNDING)
