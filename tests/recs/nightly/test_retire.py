"""Versions that nobody reads any more go, with what they held; those that somebody may want stay."""

from collections.abc import Callable

import pytest
from django.db import connection

from recs import registry
from recs.models import ModelVersion, ProductVector, ShopperVector
from recs.nightly import publish
from recs.product_vectors import partition_name
from tests.factories import InteractionFactory
from tests.recs import small_shop
from tests.recs.small_shop import status

pytestmark = pytest.mark.django_db


def tables_of_vectors() -> set[str]:
    """Attached or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^recs_productvector_\\d+$' AND relkind = 'r'"
        )
        return {row[0] for row in cursor.fetchall()}


@pytest.fixture
def partitions() -> Callable[[], set[str]]:
    """The tables of vectors that the test made; tests with real commits leave theirs behind, empty."""
    before = tables_of_vectors()
    return lambda: tables_of_vectors() - before


def test_the_third_version_retires_the_first(partitions):
    products = small_shop.make_products(2)
    shopper = InteractionFactory(product=products[0]).shopper
    versions = [small_shop.publish_model(products) for _ in range(3)]
    for version in versions:
        publish.embed_shoppers(ModelVersion.objects.get(pk=version.id))

    assert publish.retire_old_versions() == [versions[0].name]

    assert [status(version) for version in versions] == ["retired", "ready", "active"]
    assert partitions() == {partition_name(version.id) for version in versions[1:]}
    assert not versions[0].artifact.exists()
    assert versions[1].artifact.exists()
    kept = ShopperVector.objects.filter(shopper=shopper).values_list("version_id", flat=True)
    assert sorted(kept) == [version.id for version in versions[1:]]


def test_what_somebody_activates_meanwhile_is_not_retired(monkeypatch):
    products = small_shop.make_products(2)
    oldest, middle, newest = (small_shop.publish_model(products) for _ in range(3))
    another = small_shop.publish_model(products)
    drop = publish._drop_contents
    back = ModelVersion.objects.get(pk=oldest.id)

    def dropped(version: ModelVersion) -> bool:
        publish.activate(back)
        return drop(version)

    monkeypatch.setattr(publish, "_drop_contents", dropped)

    assert publish.retire_old_versions() == [middle.name]
    assert [status(one) for one in (oldest, middle, newest, another)] == [
        "active",
        "retired",
        "ready",
        "ready",
    ]
    assert oldest.artifact.exists()


def test_a_ready_version_that_never_served_is_retired_with_the_others():
    products = small_shop.make_products(2)
    stranded, _ = small_shop.build_model(products)
    first = small_shop.publish_model(products)
    small_shop.publish_model(products)

    assert publish.retire_old_versions() == [stranded.name]
    assert status(first) == "ready"


def test_what_a_killed_run_left_half_built_is_removed(artifacts, partitions):
    products = small_shop.make_products(2)
    active = small_shop.publish_model(products)
    dead, _ = small_shop.build_model(products)
    ModelVersion.objects.filter(pk=dead.pk).update(status="building")
    (artifacts / f".{dead.artifact}.4711").mkdir()

    assert publish.remove_leftovers() == [dead.name]

    assert not ModelVersion.objects.filter(pk=dead.pk).exists()
    assert partitions() == {partition_name(active.id)}
    assert [path.name for path in artifacts.iterdir()] == [active.artifact.name]
    assert ProductVector.objects.count() == 2


def test_a_table_that_was_not_yet_attached_is_removed_too(partitions):
    dead = ModelVersion.objects.create(name="dead", recommender="transformer", dimension=8, artifact="dead")
    publish.product_vectors.create_partition(version_id=dead.pk)

    assert publish.remove_leftovers() == ["dead"]
    assert partitions() == set()


def test_a_retired_version_whose_contents_stayed_is_cleared_and_its_row_kept(partitions):
    products = small_shop.make_products(2)
    old = small_shop.publish_model(products)
    small_shop.publish_model(products)
    ModelVersion.objects.filter(pk=old.id).update(status="retired")

    assert publish.remove_leftovers() == [old.name]
    assert publish.remove_leftovers() == []

    assert status(old) == "retired"
    assert partitions() == {partition_name(registry.active_version().id)}
    assert not old.artifact.exists()
