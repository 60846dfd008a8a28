"""Versions are built where nobody reads, swapped in one transaction, kept for a roll-back, then retired."""

from datetime import timedelta

import pytest
from django.db import connection

from recs import registry
from recs.engine.recommenders.hybrid import Hybrid
from recs.models import ModelVersion, ProductContent, ShopperVector
from recs.nightly import publish
from recs.product_vectors import nearest, partition_name, vectors
from recs.shopper_vectors import dirty_shoppers
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory
from tests.recs import small_shop
from tests.recs.small_shop import NOW, status

pytestmark = pytest.mark.django_db


def test_what_would_serve_otherwise_than_it_was_judged_is_not_published(monkeypatch: pytest.MonkeyPatch):
    products = small_shop.make_products(4)
    forgetful = small_shop.following(4)
    monkeypatch.setattr(forgetful, "pack", small_shop.following(4).pack)
    forgetful.neighbours = forgetful.neighbours.T.tocsr()

    with pytest.raises(RuntimeError, match="item_knn that was written scores otherwise"):
        small_shop.build_model(products, best=forgetful)


def test_what_is_published_goes_by_the_weights_of_now(monkeypatch: pytest.MonkeyPatch):
    edited = {"view": 0.9, "cart": -1.0}
    monkeypatch.setattr(publish, "second_stage_weights", lambda: edited)
    products = small_shop.make_products(4)
    hybrid = Hybrid()
    hybrid.blend({"item_knn": small_shop.following(4)}, None, seed=1)

    small_shop.build_model(products, best=hybrid)

    assert hybrid.heads == edited


def test_a_built_version_has_rows_index_and_files_and_serves_nobody():
    products = small_shop.make_products(4)
    version, model = small_shop.build_model(products)

    assert registry.active_version() is None
    serving = registry.version_for_serving(version)
    found = vectors(version=serving, product_ids=[product.pk for product in products])
    assert [found[product.pk].tolist() for product in products] == model.vectors.tolist()
    assert registry.load_encoder(serving).config == model.user_config
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass",
            [f"{partition_name(version.pk)}_hnsw"],
        )
        assert cursor.fetchone() == (True,)


def test_names_say_when_and_which():
    products = small_shop.make_products(2)
    first, _ = small_shop.build_model(products)
    second, _ = small_shop.build_model(products)

    assert first.name != second.name
    assert second.name == f"{second.created_at:%Y-%m-%dT%H:%MZ}-{first.pk + 1}"


def test_activating_swaps_and_keeps_the_one_before_warm():
    products = small_shop.make_products(2)
    first = small_shop.publish_model(products)
    second, _ = small_shop.build_model(products)

    publish.activate(second)

    assert (status(first), status(second)) == ("ready", "active")
    assert registry.active_version().id == second.pk
    assert ModelVersion.objects.get(pk=second.pk).activated_at is not None


def test_activating_places_what_came_while_the_version_was_built():
    version, _ = small_shop.build_model(small_shop.make_products(2))
    newcomer = ProductFactory()

    publish.activate(version)

    serving = registry.active_version()
    placed = vectors(version=serving, product_ids=[newcomer.pk])[newcomer.pk]
    assert nearest(version=serving, vector=placed, limit=1)[0][0] == newcomer.pk


def test_what_was_encoded_while_a_version_was_built_has_its_place_by_what_it_is_now():
    shelves = small_shop.make_shelves(2, 3)
    version, _ = small_shop.build_model([*shelves[0], *shelves[1]])
    newcomer = ProductFactory(price=1)
    publish.activate(version)
    serving = registry.active_version()
    (before,) = vectors(version=serving, product_ids=[newcomer.pk]).values()
    # Words that are encoded later leave the product as it was saved, so no date tells.
    ProductContent.objects.create(product=newcomer, text=[1.0, 0.0], text_hash="made")

    publish.place_by_content()

    (after,) = vectors(version=serving, product_ids=[newcomer.pk]).values()
    assert (after != before).any()


def test_a_version_that_is_being_built_cannot_be_activated():
    version, _ = small_shop.build_model(small_shop.make_products(2))
    version.status = "building"
    version.save()

    with pytest.raises(publish.CannotActivate, match="is building; only a ready one"):
        publish.activate(version)


def test_a_version_without_files_cannot_be_activated():
    version, _ = small_shop.build_model(small_shop.make_products(2))
    registry.artifact_folder(version.artifact).rename(registry.artifact_folder("elsewhere"))

    with pytest.raises(publish.CannotActivate, match="are gone from ARTIFACT_DIR"):
        publish.activate(version)


def test_a_version_whose_files_are_damaged_cannot_be_activated():
    products = small_shop.make_products(4)
    active = small_shop.publish_model(products)
    version, _ = small_shop.build_model(products)
    (registry.artifact_folder(version.artifact) / "arrays.safetensors").write_bytes(b"damaged")

    with pytest.raises(publish.CannotActivate, match=f"{version.name} cannot serve: "):
        publish.activate(version)

    assert registry.active_version() == active


def test_a_version_whose_ranking_is_damaged_can_be_gone_back_to_for_its_vectors():
    products = small_shop.make_products(4)
    version, _ = small_shop.build_model(products, best=small_shop.following(4))
    folder = registry.artifact_folder(version.artifact) / registry.SERVED
    (folder / "arrays.safetensors").write_bytes(b"damaged")

    publish.activate(version)

    assert status(version) == "active"


def test_a_version_takes_the_place_only_of_what_it_was_compared_with():
    products = small_shop.make_products(2)
    compared = small_shop.publish_model(products)
    other = small_shop.publish_model(products)
    version, _ = small_shop.build_model(products)

    for instead_of in ({compared.id}, set()):
        with pytest.raises(publish.NotCompared, match=rf"not compared with .* \({other.name}\)"):
            publish.activate(version, instead_of=frozenset(instead_of))
    publish.activate(version, instead_of=frozenset({other.id}))

    assert status(version) == "active"


def test_rolling_back_and_forth_changes_between_the_last_two():
    products = small_shop.make_products(2)
    first = small_shop.publish_model(products)
    second = small_shop.publish_model(products)

    assert publish.rollback().pk == first.id
    assert (status(first), status(second)) == ("active", "ready")
    assert publish.rollback().pk == second.id
    assert (status(first), status(second)) == ("ready", "active")


def test_rolling_back_never_activates_what_was_never_active():
    products = small_shop.make_products(2)
    small_shop.publish_model(products)
    small_shop.build_model(products)

    with pytest.raises(publish.CannotActivate, match="nothing to go back to"):
        publish.rollback()


def test_after_a_roll_back_products_that_came_since_are_found():
    products = small_shop.make_products(2)
    first = small_shop.publish_model(products)
    second = small_shop.publish_model(products)
    newcomer = ProductFactory()

    publish.rollback()

    assert newcomer.pk in vectors(version=first, product_ids=[newcomer.pk])
    assert second.id != first.id


def test_after_a_swap_those_who_did_something_meanwhile_are_dirty():
    products = small_shop.make_products(2)
    shopper = InteractionFactory(product=products[0]).shopper
    version, _ = small_shop.build_model(products)
    publish.embed_shoppers(version)
    InteractionFactory(shopper=shopper, product=products[1])

    publish.activate(version)

    assert dirty_shoppers(version=registry.active_version(), limit=5) == [shopper.pk]


def test_shoppers_are_embedded_in_batches_those_seen_last_first(monkeypatch):
    products = small_shop.make_products(2)
    version, _ = small_shop.build_model(products)
    never, earlier, later = (
        ShopperFactory(last_seen_at=moment) for moment in (None, NOW - timedelta(days=1), NOW)
    )
    ShopperFactory(last_seen_at=NOW)  # did nothing
    for shopper in (never, earlier, later):
        InteractionFactory(shopper=shopper, product=products[0])
    monkeypatch.setattr(publish, "EMBED_BATCH", 1)
    batches: list[list[int]] = []
    encode = publish.encode_shoppers

    def noted(*, shopper_ids, version):
        batches.append(shopper_ids)
        return encode(shopper_ids=shopper_ids, version=version)

    monkeypatch.setattr(publish, "encode_shoppers", noted)
    told: list[float] = []

    assert publish.embed_shoppers(version, progress=told.append) == 3
    assert batches == [[later.pk], [earlier.pk], [never.pk]]
    assert told[-1] == 1.0
    assert ShopperVector.objects.filter(version_id=version.pk).count() == 3
