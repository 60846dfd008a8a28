"""Which version serves, and its towers in memory."""

import logging

import pytest

from recs import registry
from recs.engine.artifact import ArtifactError
from tests.recs import small_shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("artifacts")]


def test_before_the_first_model_no_version_is_active():
    small_shop.build_model(small_shop.make_products(2))

    assert registry.active_version() is None


def test_the_active_version_is_read_by_one_query(django_assert_num_queries, artifacts):
    published = small_shop.publish_model(small_shop.make_products(2))

    with django_assert_num_queries(1):
        version = registry.active_version()

    assert version == published
    assert version.dimension == small_shop.DIMENSION
    assert version.artifact.parent == artifacts
    assert version.artifact.is_dir()


def test_the_active_and_the_warm_version_serve_the_newest_first():
    products = small_shop.make_products(2)
    first = small_shop.publish_model(products)
    second = small_shop.publish_model(products)

    assert registry.served_versions() == [second, first]


def test_a_tower_is_read_once():
    version = small_shop.publish_model(small_shop.make_products(2))

    assert registry.load_encoder(version) is registry.load_encoder(version)
    assert registry.load_item_tower(version) is registry.load_item_tower(version)


def test_no_more_than_two_versions_stay_in_memory():
    products = small_shop.make_products(2)
    versions = [registry.version_for_serving(small_shop.build_model(products)[0]) for _ in range(3)]
    first, second, third = (registry.load_encoder(version) for version in versions)

    assert registry.load_encoder(versions[2]) is third
    assert registry.load_encoder(versions[1]) is second
    assert registry.load_encoder(versions[0]) is not first


def test_a_damaged_artifact_is_not_loaded():
    version = small_shop.publish_model(small_shop.make_products(2))
    file = version.artifact / "arrays.safetensors"
    file.write_bytes(file.read_bytes()[:-4] + b"\0\0\0\1")

    with pytest.raises(ArtifactError, match="is damaged"):
        registry.load_encoder(version)


def test_an_artifact_of_another_training_is_not_loaded():
    version = small_shop.publish_model(small_shop.make_products(2))
    manifest = version.artifact / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")

    with pytest.raises(ArtifactError, match="not the manifest that was published"):
        registry.load_encoder(version)


def test_the_trained_products_are_those_with_a_place_that_was_learnt():
    products = small_shop.make_products(3)
    version = small_shop.publish_model(products, trained=2)

    assert registry.load_trained_products(version).tolist() == [products[0].pk, products[1].pk]


def test_warming_up_without_the_files_says_so_and_goes_on(caplog, monkeypatch):
    version = small_shop.publish_model(small_shop.make_products(2))
    (version.artifact / "manifest.json").unlink()
    # The test's transaction lives on this connection.
    monkeypatch.setattr(registry.connection, "close", lambda: None)

    with caplog.at_level(logging.ERROR):
        registry.warm_up()

    assert "the active model could not be loaded" in caplog.text


def version_ranked_by_another(products: int = 3) -> registry.ActiveVersion:
    return small_shop.publish_model(small_shop.make_products(products), best=small_shop.following(products))


def test_what_ranks_in_place_of_the_vectors_is_read_once_and_knows_the_shops_keys():
    version = version_ranked_by_another()

    served = registry.load_served(version)

    assert version.recommender == "item_knn"
    assert registry.load_served(version) is served
    assert served.ids.tolist() == sorted(served.ids.tolist())
    assert len(served.ids) == 3


def test_where_the_vectors_rank_nothing_is_in_their_place():
    assert registry.load_served(small_shop.publish_model(small_shop.make_products(2))) is None


def test_only_one_of_them_stays_in_memory():
    first, second = version_ranked_by_another(), version_ranked_by_another()
    held = registry.load_served(first)

    assert registry.load_served(second) is not None
    assert registry.load_served(first) is not held


@pytest.mark.parametrize("file", ["manifest.json", "arrays.safetensors"])
def test_one_that_cannot_be_read_is_left_out_and_logged_once(file, caplog):
    version = version_ranked_by_another()
    (version.artifact / "served" / file).unlink()

    with caplog.at_level(logging.ERROR):
        found = [registry.load_served(version) for _ in range(3)]

    assert found == [None, None, None]
    assert len(caplog.records) == 1
    assert f"the item_knn of version {version.name} is left out of feeds" in caplog.text
    with pytest.raises(ArtifactError):
        registry.read_served(version)


def test_a_web_process_loads_it_before_the_first_feed_and_a_worker_does_not(monkeypatch):
    version = version_ranked_by_another()
    monkeypatch.setattr(registry.connection, "close", lambda: None)
    read: list[str] = []
    monkeypatch.setattr(registry, "read_served", lambda version: read.append(version.name))

    registry.warm_up()
    assert read == []
    registry.warm_up(feeds=True)
    assert read == [version.name]
