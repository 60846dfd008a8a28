"""Who of the family is published, and what a training goes on from."""

from types import SimpleNamespace

import numpy as np
import pytest

from catalog.models import Product
from recs.engine.interactions import HeldOut, History
from recs.engine.recommenders.item_knn import ItemKnn
from recs.engine.recommenders.second_stage.two_stages import TwoStages
from recs.engine.transformer.batches import TARGET_WEIGHTS
from recs.models import ModelVersion
from recs.nightly.dataset import load_dataset
from recs.nightly.train import best_of, on_validation, warm_start
from tests.recs import small_shop

pytestmark = pytest.mark.django_db


def sized(numbers: int):
    """A recommender of so many numbers."""
    model = small_shop.following(3)
    return type("Sized", (type(model),), {"parameters": numbers})()


FAMILY = {
    name: sized(size)
    for name, size in {
        "popularity": 3,
        "ease": 10**9,
        "item_knn": 30,
        "transformer": 10**9,
        "hybrid": 50,
    }.items()
}


def chosen(**validation: float) -> str:
    return best_of(FAMILY, {**dict.fromkeys(FAMILY, 0.0), **validation})


def test_the_best_on_validation_is_published():
    assert chosen(transformer=0.2, hybrid=0.3, item_knn=0.1) == "hybrid"
    assert chosen(transformer=0.2, hybrid=0.1) == "transformer"


def test_of_equals_the_one_that_serves_by_its_vectors_alone():
    assert chosen(transformer=0.3, hybrid=0.3, item_knn=0.3) == "transformer"


def test_popularity_is_the_bar_and_no_candidate():
    assert chosen(popularity=0.9, item_knn=0.1) == "item_knn"


def test_what_no_web_process_can_hold_is_not_published():
    assert chosen(ease=0.9, item_knn=0.1) == "item_knn"
    assert chosen(transformer=0.9, item_knn=0.1) == "transformer"


def test_where_nobody_came_back_to_choose_by_the_transformer_is_published():
    nothing = on_validation(FAMILY, HeldOut([], [], []), item_count=12, seed=1)

    assert best_of(FAMILY, nothing) == "transformer"


class Both(TwoStages, ItemKnn):
    """The first stage is an item-kNN."""


def test_of_two_stages_the_first_is_validated_and_the_second_by_whom_it_had_not_learnt_from():
    both = small_shop.following(12)
    both.__class__ = Both
    # Asked on these rows it would know the answers.
    both.second, both.verdict = None, SimpleNamespace(gain=SimpleNamespace(difference=0.05))
    alone = HeldOut([History.of_items([3])], [np.array([5])], [np.array([3])])

    first = on_validation({"hybrid": both}, alone, item_count=12, seed=1)
    both.second = SimpleNamespace(rescored=lambda *_: 1 / 0)
    found = on_validation({"hybrid": both}, alone, item_count=12, seed=1)

    # After item 3 come 4 and 5.
    assert first == {"hybrid": pytest.approx(1 / np.log2(3))}
    assert found == {"hybrid": pytest.approx(1 / np.log2(3) + 0.05)}


@pytest.fixture
def dataset():
    shelves = small_shop.make_shelves(4, 12)
    small_shop.make_histories(shelves, shoppers=80, length=9)
    return load_dataset(seed=1)


def champion(dataset, **config: object):
    there = list(Product.objects.filter(pk__in=dataset.product_ids[::2].tolist()).order_by("pk"))
    version = small_shop.publish_model(there, trained=20)
    ModelVersion.objects.filter(pk=version.id).update(config=config)
    return version


def test_the_champions_items_are_found_by_their_products(dataset):
    version = champion(dataset, trained_until=dataset.split.validation_from)

    start, why_cold = warm_start(dataset, version)

    assert why_cold == ""
    # Every other product was there, and four of those had no interaction.
    expected = np.full(48, -1)
    expected[:40:2] = np.arange(20)
    assert start.rows.tolist() == expected.tolist()


@pytest.mark.parametrize("config", [{"trained_until": 2**62}, {}])
def test_a_champion_that_may_know_what_is_held_out_is_not_gone_on_from(config, dataset):
    start, why_cold = warm_start(dataset, champion(dataset, **config))

    assert start is None
    assert why_cold == "the champion may have learnt from what is held out tonight"


def test_a_champion_without_its_files_leaves_a_cold_start(dataset):
    version = champion(dataset, trained_until=0)
    (version.artifact / "arrays.safetensors").unlink()

    start, why_cold = warm_start(dataset, version)

    assert start is None
    assert why_cold.startswith(f"the champion {version.name} cannot be loaded: ")


def test_before_the_first_model_the_start_is_cold(dataset):
    assert warm_start(dataset, None) == (None, "no model is published yet")


def test_what_the_settings_say_by_themselves_is_what_the_engine_says(settings):
    assert {
        kind.name.lower(): weight for kind, weight in TARGET_WEIGHTS.items()
    } == settings.INTERACTION_WEIGHTS
