"""Feeds of a version whose recommender is no vector model: it ranks, and what fails leaves the vectors."""

import logging

import numpy as np
import pytest

from catalog.models import Product
from recs import product_vectors, registry
from recs.engine.interactions import Kind
from recs.engine.recommenders.item_knn import ItemKnn
from recs.feed.scenarios import rerank_products, serve_feed
from recs.history import VectorHistory
from recs.ingest.record import NewInteraction, record_interactions
from recs.nightly import publish
from recs.served_scores import served_scores
from recs.shopper_vectors import fresh_history, without_each_product
from tests.factories import ProductFactory, ShopperFactory
from tests.recs.small_shop import build_model, following, make_products, publish_model, random_vectors

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("artifacts")]

COUNT = 40


@pytest.fixture
def products() -> list[Product]:
    return make_products(COUNT)


@pytest.fixture
def ranked(products) -> registry.ActiveVersion:
    """After a product comes the next one; the vectors say something else."""
    return publish_model(products, best=following(COUNT))


def view(shopper, *products: Product) -> int:
    new = [NewInteraction(kind=Kind.VIEW, product_id=product.pk) for product in products]
    return record_interactions(shopper=shopper, interactions=new).seq


def home(shopper, **more):
    return serve_feed(scenario="home", shopper=shopper, count=6, **more)


def stage_of(feed, name: str):
    return next((one for one in feed.trace.stages if one.name == name), None)


def proposed(feed, products) -> list[int]:
    """Places of what the recommender proposed, best first."""
    place = {product.pk: number for number, product in enumerate(products)}
    return [place[key] for key in stage_of(feed, "recommended").proposed]


def test_the_recommender_proposes_and_its_score_ranks(products, ranked):
    shopper = ShopperFactory()
    view(shopper, products[3])

    feed = home(shopper)

    assert proposed(feed, products)[:2] == [4, 5]
    assert stage_of(feed, "model_affinity") is not None
    assert stage_of(feed, "shopper_affinity") is None
    assert feed.items[0].product == products[4]
    assert feed.model_version == ranked.name
    assert [one.error for one in feed.trace.stages if one.error] == []


def test_what_was_done_last_takes_part_in_the_next_feed(products, ranked):
    shopper = ShopperFactory()
    view(shopper, products[3])
    home(shopper)

    seq = view(shopper, products[20])
    feed = home(shopper)

    assert feed.seq == seq
    assert proposed(feed, products)[:2] == [21, 22]


def test_what_filters_take_away_is_not_proposed(products, ranked):
    shopper = ShopperFactory()
    record_interactions(
        shopper=shopper,
        interactions=[
            NewInteraction(kind=Kind.HIDE, product_id=products[4].pk),
            NewInteraction(kind=Kind.VIEW, product_id=products[3].pk),
        ],
    )

    assert proposed(home(shopper), products)[0] == 5


def test_a_product_that_came_later_is_no_failure_in_the_history_nor_in_the_feed(products, ranked):
    shopper, newcomer = ShopperFactory(), ProductFactory()
    view(shopper, newcomer, products[3])

    feed = serve_feed(scenario="home", shopper=shopper, count=COUNT + 1)

    assert proposed(feed, products)[0] == 4
    assert newcomer in [item.product for item in feed.items]


def test_who_did_only_what_it_does_not_know_gets_a_feed_without_it(products, ranked):
    shopper, newcomer = ShopperFactory(), ProductFactory()
    view(shopper, newcomer)

    feed = home(shopper)

    assert stage_of(feed, "model_affinity") is None
    assert len(feed.items) == 6


def test_one_that_cannot_be_loaded_leaves_the_vectors_and_is_logged_once(products, ranked, caplog):
    (ranked.artifact / "served" / "arrays.safetensors").unlink()
    shopper = ShopperFactory()
    view(shopper, products[3])

    with caplog.at_level(logging.ERROR):
        feeds = [home(shopper) for _ in range(2)]

    assert [stage_of(feed, "shopper_affinity") is not None for feed in feeds] == [True, True]
    assert [len(feed.items) for feed in feeds] == [6, 6]
    assert len([one for one in caplog.records if "left out of feeds" in one.getMessage()]) == 1


def test_one_that_fails_when_asked_costs_no_feed(products, ranked, monkeypatch):
    shopper = ShopperFactory()
    view(shopper, products[3])
    monkeypatch.setattr(type(registry.load_served(ranked).recommender), "scores", lambda *_: 1 / 0)

    feed = home(shopper)

    assert feed.trace.stages[0].error == "ZeroDivisionError: division by zero"
    assert stage_of(feed, "shopper_affinity") is not None
    assert len(feed.items) == 6


def test_a_swap_changes_who_ranks_and_a_roll_back_changes_it_back(products, ranked):
    shopper = ShopperFactory()
    view(shopper, products[3])
    plain, _ = build_model(products, vectors=random_vectors(COUNT))

    publish.activate(plain)
    assert proposed(home(shopper), products) == []

    publish.rollback()
    assert proposed(home(shopper), products)[:2] == [4, 5]


def test_a_reason_names_the_product_that_the_recommenders_score_is_owed_to(products, ranked):
    shopper = ShopperFactory()
    view(shopper, products[20], products[3])

    feed = home(shopper)

    reasons = {item.product: item.reason for item in feed.items}
    assert reasons[products[4]].product == products[3]
    assert reasons[products[21]].product == products[20]
    assert {reasons[products[place]].code for place in (4, 21)} == {"because_you_viewed"}


def test_what_a_product_adds_is_the_score_with_it_minus_the_score_without_it(products, ranked):
    shopper, other = ShopperFactory(), ShopperFactory()
    view(shopper, products[20])
    view(shopper, products[3])
    view(other, products[20])

    both, alone = (
        served_scores(history=fresh_history(shopper=one, version=ranked)[1], version=ranked)
        for one in (shopper, other)
    )
    keys, without = both.without_each_product()

    assert keys.tolist() == [products[3].pk, products[20].pk]
    assert without[0] == pytest.approx(alone.scores.scores)
    assert not alone.without_each_product()[1].any()


def test_every_product_of_the_history_may_be_the_reason(products, ranked):
    keys = np.array([product.pk for product in products[:30]])
    views, times = np.full(30, int(Kind.VIEW)), np.arange(30)
    values = np.full(30, np.nan, dtype=np.float32)
    history = VectorHistory(1, 30, keys, random_vectors(30), views, times, values)

    asked, without = served_scores(history=history, version=ranked).without_each_product()

    assert asked.tolist() == keys[::-1].tolist()
    assert without.shape == (30, COUNT)


@pytest.fixture
def excluded(products, monkeypatch) -> list[list[int]]:
    """Places of the products that the recommender was told will not be shown, by asking."""
    told: list[list[int]] = []
    scores = ItemKnn.final_scores

    def final_scores(self, histories, *, exclude=None):
        told.extend(sorted(one.tolist()) for one in exclude)
        return scores(self, histories, exclude=exclude)

    monkeypatch.setattr(ItemKnn, "final_scores", final_scores)
    return told


def done(shopper, **places: Product) -> None:
    """By the name of a kind."""
    new = [NewInteraction(kind=Kind[kind.upper()], product_id=product.pk) for kind, product in places.items()]
    record_interactions(shopper=shopper, interactions=new)


def test_what_will_not_be_shown_takes_no_place_among_what_a_second_stage_orders(products, ranked, excluded):
    shopper = ShopperFactory()
    done(shopper, purchase=products[7], hide=products[8], cart_add=products[9], view=products[3])

    home(shopper)

    # Once for the ranking, and without each of the four for the reasons.
    assert excluded == [[7, 8, 9]] * 5


def test_what_was_bought_takes_its_place_where_it_is_asked_for(products, ranked, excluded):
    shopper = ShopperFactory()
    done(shopper, purchase=products[7], hide=products[8])

    home(shopper, include_bought=True)

    assert excluded[0] == [8]


def test_of_a_list_that_was_given_all_is_shown_and_takes_its_place(products, ranked, excluded):
    shopper = ShopperFactory()
    done(shopper, purchase=products[7], hide=products[8], cart_add=products[9])

    rerank_products(shopper=shopper, products=products[:12])

    assert excluded[0] == []


def test_what_came_since_it_learnt_has_a_reason_from_the_vectors(products, ranked):
    shopper, newcomer = ShopperFactory(), ProductFactory()
    product_vectors.place_products(product_ids=[newcomer.pk])
    view(shopper, products[3], products[20])

    feed = serve_feed(scenario="home", shopper=shopper, count=COUNT + 1)

    item = next(one for one in feed.items if one.product == newcomer)
    _, history = fresh_history(shopper=shopper, version=ranked)
    found = without_each_product(history=history, version=ranked)
    vector = product_vectors.vectors(version=ranked, product_ids=[newcomer.pk])[newcomer.pk]
    expected = dict(zip(found.items.tolist(), (found.whole - found.without) @ vector, strict=True))
    assert item.contributions == pytest.approx(expected, abs=1e-3)
    assert max(abs(value) for value in expected.values()) > 0.01


def test_reranking_follows_it_too(products, ranked):
    shopper = ShopperFactory()
    view(shopper, products[3])
    given = [products[place] for place in (30, 5, 4)]

    items = rerank_products(shopper=shopper, products=given)

    assert items[0].product == products[4]
    assert np.argmax([item.product == products[5] for item in items]) == 1


@pytest.mark.parametrize("scenario", ["similar", "cart", "trending", "new", "search"])
def test_other_feeds_do_not_ask_it(scenario, products, ranked, monkeypatch):
    shopper = ShopperFactory()
    view(shopper, products[3])
    monkeypatch.setattr(registry, "read_served", lambda version: 1 / 0)

    feed = serve_feed(scenario=scenario, shopper=shopper, product=products[0], query="product")

    assert [one.error for one in feed.trace.stages if one.error] == []
