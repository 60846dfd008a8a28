"""History as the engine's columns, split by time, or a reason why not."""

from datetime import timedelta

import numpy as np
import pytest

from recs.engine.interactions import Kind
from recs.nightly.dataset import NotEnoughHistory, load_dataset, load_history
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory
from tests.recs import small_shop
from tests.recs.small_shop import NOW

pytestmark = pytest.mark.django_db


def test_what_is_held_out_is_newer_than_all_that_is_learnt_from():
    small_shop.make_histories(small_shop.make_shelves(4, 12), shoppers=80, length=9)

    dataset = load_dataset(seed=1)

    split = dataset.split
    assert split.training.time.max() < split.validation_from < split.test_from
    for history, target in zip(split.test.histories, split.test.targets, strict=True):
        assert history.time.max() < split.test_from
        assert target[0] not in history.item


def test_items_are_all_products_in_the_order_of_their_keys():
    shelves = small_shop.make_shelves(4, 12)
    small_shop.make_histories(shelves, shoppers=80, length=9)
    untouched = ProductFactory(price="7.50")

    dataset = load_dataset(seed=1)

    assert dataset.product_ids.tolist() == [product.pk for shelf in shelves for product in shelf] + [
        untouched.pk
    ]
    assert dataset.items.count == 49
    assert dataset.items.text.shape == (49, 4)
    assert np.isnan(dataset.items.text[48]).all()
    assert dataset.items.price[48] == 7.5
    assert dataset.items.category[0] == shelves[0][0].category_id


def test_the_same_seed_holds_out_the_same():
    small_shop.make_histories(small_shop.make_shelves(4, 12), shoppers=80, length=9)

    first, second = load_dataset(seed=1).split.test, load_dataset(seed=1).split.test

    assert [target.tolist() for target in first.targets] == [target.tolist() for target in second.targets]


def test_what_the_champion_has_learnt_from_is_not_held_out_when_older_history_comes():
    shelves = small_shop.make_shelves(4, 12)
    small_shop.make_histories(shelves, shoppers=80, length=9)
    champion = load_dataset(seed=1).split
    older = [ShopperFactory() for _ in range(100)]
    for step, product in enumerate(shelves[0][:3]):
        for shopper in older:
            day = NOW - timedelta(days=900 - step)
            InteractionFactory(shopper=shopper, product=product, kind=Kind.PURCHASE, occurred_at=day)

    alone, dataset = (load_dataset(seed=1, since=since) for since in (None, champion.test_from))

    assert alone.split.test_from < champion.test_from
    assert dataset.split.test_from == champion.test_from
    assert len(dataset.split.test) == len(champion.test)
    assert dataset.split.training.time.max() < dataset.split.validation_from < champion.test_from


def test_too_little_that_the_champion_has_not_learnt_from_is_no_reason_to_go_back():
    small_shop.make_histories(small_shop.make_shelves(4, 12), shoppers=80, length=9)
    newest = int(load_history().interactions.time.max())

    with pytest.raises(
        NotEnoughHistory, match=r"only \d shoppers with a history wanted something new in the newest"
    ):
        load_dataset(seed=1, since=newest)


def test_a_shop_of_two_weeks_holds_out_more_of_its_history():
    shelves = small_shop.make_shelves(4, 12)
    small_shop.make_histories(shelves, shoppers=400, length=4, days=14)

    dataset = load_dataset(seed=1)

    assert dataset.test_share in (0.2, 0.3)
    assert len(dataset.split.test) >= 200


def test_without_an_interaction_the_reason_names_the_kinds_that_count():
    ProductFactory()

    with pytest.raises(NotEnoughHistory, match="view, click, cart_add, purchase, rating, like"):
        load_dataset(seed=1)


def test_what_was_only_hidden_teaches_nothing():
    InteractionFactory(kind=Kind.HIDE)

    with pytest.raises(NotEnoughHistory, match="no interaction of the kinds"):
        load_dataset(seed=1)


def test_one_shopper_alone_is_not_enough():
    shopper = ShopperFactory()
    for day in range(50):
        InteractionFactory(shopper=shopper, occurred_at=NOW + timedelta(days=day))

    with pytest.raises(NotEnoughHistory, match="only 1 shoppers"):
        load_dataset(seed=1)


def test_one_product_alone_is_not_enough():
    product = ProductFactory()
    for day in range(60):
        InteractionFactory(product=product, occurred_at=NOW + timedelta(days=day))

    with pytest.raises(NotEnoughHistory, match="only 0 shoppers"):
        load_dataset(seed=1)


def test_a_history_of_one_moment_cannot_be_split():
    for _ in range(30):
        InteractionFactory(occurred_at=NOW)

    with pytest.raises(NotEnoughHistory, match="only 0 shoppers"):
        load_dataset(seed=1)
