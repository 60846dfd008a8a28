"""Products in the space of a version: the index answers as exact search does, and newcomers find a place."""

import logging
from contextlib import closing

import numpy as np
import pytest
from django.db import OperationalError, connection

from catalog.models import Product
from recs import product_vectors
from recs.engine.transformer.item_tower import UNMET
from recs.models import ProductContent, ProductVector
from recs.product_vectors import nearest, place_products, similar, unplaced_products, vectors
from recs.shopper_vectors import fresh_vector
from tests.factories import CategoryFactory, InteractionFactory, ProductFactory
from tests.recs import small_shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("artifacts")]


def many_products(count: int) -> list[Product]:
    category = CategoryFactory()
    return Product.objects.bulk_create(ProductFactory.build_batch(count, category=category))


def exact(placed: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Scores as Postgres holds the vectors: in half precision."""
    return placed.astype(np.float16).astype(np.float32) @ query


def test_the_nearest_products_come_best_first_with_their_scores():
    products = small_shop.make_products(12)
    placed = small_shop.random_vectors(12)
    version = small_shop.publish_model(products, vectors=placed)
    query = small_shop.random_vectors(1, seed=9)[0]

    found = nearest(version=version, vector=query, limit=5)

    scores = exact(placed, query)
    best = np.argsort(-scores)[:5]
    assert [product_id for product_id, _ in found] == [products[row].pk for row in best]
    np.testing.assert_allclose([score for _, score in found], scores[best], atol=2e-3)


def test_excluded_products_make_room_for_the_next():
    products = small_shop.make_products(12)
    placed = small_shop.random_vectors(12)
    version = small_shop.publish_model(products, vectors=placed)
    query = small_shop.random_vectors(1, seed=9)[0]
    order = [products[row].pk for row in np.argsort(-exact(placed, query))]

    found = nearest(version=version, vector=query, limit=3, exclude=order[:4])

    assert [product_id for product_id, _ in found] == order[4:7]


def test_a_search_uses_the_index_of_its_version(django_assert_num_queries):
    version = small_shop.publish_model(
        products := many_products(2_000), vectors=small_shop.random_vectors(2_000)
    )

    with django_assert_num_queries(4) as captured:  # savepoint, settings, search, release
        nearest(version=version, vector=small_shop.random_vectors(1)[0], limit=50, exclude=[products[0].pk])

    search = next(query["sql"] for query in captured.captured_queries if "<#>" in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + search)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert f"Index Scan using recs_productvector_{version.id}_hnsw" in plan


@pytest.mark.slow
def test_the_index_finds_what_exact_search_finds_also_far_beyond_forty():
    products = many_products(2_000)
    placed = small_shop.random_vectors(2_000)
    version = small_shop.publish_model(products, vectors=placed)
    query = small_shop.random_vectors(1, seed=9)[0]

    found = nearest(version=version, vector=query, limit=150)

    best = {products[row].pk for row in np.argsort(-exact(placed, query))[:150]}
    assert len(found) == 150
    assert len(best & {product_id for product_id, _ in found}) >= 148


@pytest.mark.slow
def test_a_heavy_buyer_still_gets_as_many_as_asked_for():
    products = many_products(2_000)
    placed = small_shop.random_vectors(2_000)
    version = small_shop.publish_model(products, vectors=placed)
    query = small_shop.random_vectors(1, seed=9)[0]
    bought = [products[row].pk for row in np.argsort(-exact(placed, query))[:1_200]]

    found = nearest(version=version, vector=query, limit=100, exclude=bought)

    assert len(found) == 100
    assert not {product_id for product_id, _ in found} & set(bought)


def test_two_versions_are_two_spaces():
    products = small_shop.make_products(4)
    first = small_shop.publish_model(products, vectors=small_shop.random_vectors(4, seed=1))
    second = small_shop.publish_model(products, vectors=small_shop.random_vectors(4, 16, seed=2))

    assert len(nearest(version=first, vector=small_shop.random_vectors(1)[0], limit=9)) == 4
    assert len(nearest(version=second, vector=small_shop.random_vectors(1, 16)[0], limit=9)) == 4
    assert vectors(version=second, product_ids=[products[0].pk])[products[0].pk].shape == (16,)


def test_similar_products_say_of_which_and_leave_out_the_asked_for():
    products = small_shop.make_products(4)
    placed = small_shop.unit(np.array([[1, 0], [0, 1], [0.9, 0.1], [0.1, 0.9]]))
    version = small_shop.publish_model(products, vectors=placed)

    found = similar(version=version, product_ids=[products[0].pk, products[1].pk], limit=1)

    assert [(one.product_id, one.because) for one in found] == [
        (products[2].pk, products[0].pk),
        (products[3].pk, products[1].pk),
    ]
    assert found[0].score == pytest.approx(0.9939, abs=1e-3)


def test_nothing_is_similar_to_nothing(django_assert_num_queries):
    version = small_shop.publish_model(small_shop.make_products(2))

    with django_assert_num_queries(0):
        assert similar(version=version, product_ids=[], limit=5) == []


def test_vectors_come_back_in_half_precision_and_unknown_products_are_missing():
    products = small_shop.make_products(2)
    placed = small_shop.random_vectors(2)
    version = small_shop.publish_model(products, vectors=placed)

    found = vectors(version=version, product_ids=[products[1].pk, 10**9])

    assert list(found) == [products[1].pk]
    assert found[products[1].pk].tolist() == placed[1].astype(np.float16).tolist()


def test_a_product_that_came_later_is_placed_by_its_content():
    shelves = small_shop.make_shelves(2, 3)
    version = small_shop.publish_model([*shelves[0], *shelves[1]])
    newcomer = ProductFactory(category=shelves[0][0].category)
    assert place_products(product_ids=[newcomer.pk]) == 1
    without_text = vectors(version=version, product_ids=[newcomer.pk])[newcomer.pk]
    assert place_products(product_ids=[newcomer.pk]) == 0

    ProductContent.objects.create(product=newcomer, text=[1.0, 0.0], text_hash="made")
    assert place_products(product_ids=[newcomer.pk]) == 1

    placed = vectors(version=version, product_ids=[newcomer.pk])[newcomer.pk]
    assert np.linalg.norm(placed) == pytest.approx(UNMET, abs=1e-2)
    assert not np.allclose(placed, without_text, atol=1e-2)
    assert newcomer.pk in {product_id for product_id, _ in nearest(version=version, vector=placed, limit=1)}


def test_a_product_with_a_learnt_place_keeps_it():
    products = small_shop.make_products(3)
    placed = small_shop.random_vectors(3)
    version = small_shop.publish_model(products, vectors=placed, trained=2)

    assert place_products(product_ids=[product.pk for product in products]) == 1

    found = vectors(version=version, product_ids=[product.pk for product in products])
    assert found[products[0].pk].tolist() == placed[0].astype(np.float16).tolist()
    assert found[products[2].pk].tolist() != placed[2].astype(np.float16).tolist()


def test_a_newcomer_is_placed_in_the_warm_version_too():
    products = small_shop.make_products(2)
    first = small_shop.publish_model(products)
    second = small_shop.publish_model(products)
    newcomer = ProductFactory()

    place_products(product_ids=[newcomer.pk])

    assert newcomer.pk in vectors(version=first, product_ids=[newcomer.pk])
    assert newcomer.pk in vectors(version=second, product_ids=[newcomer.pk])


def test_a_version_without_its_files_does_not_keep_newcomers_out_of_the_other(caplog):
    products = small_shop.make_products(2)
    broken = small_shop.publish_model(products)
    active = small_shop.publish_model(products)
    (broken.artifact / "manifest.json").unlink()
    newcomer = ProductFactory()

    with caplog.at_level(logging.ERROR):
        assert place_products(product_ids=[newcomer.pk]) == 1

    assert newcomer.pk in vectors(version=active, product_ids=[newcomer.pk])
    assert broken.name in caplog.text


def test_who_looked_at_a_newcomer_before_it_had_a_place_is_encoded_anew():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    newcomer = ProductFactory()
    shopper = InteractionFactory(product=newcomer).shopper
    assert fresh_vector(shopper=shopper, version=version).vector is None

    place_products(product_ids=[newcomer.pk])

    assert fresh_vector(shopper=shopper, version=version).vector is not None


def test_a_product_that_went_meanwhile_is_passed_over():
    version = small_shop.publish_model(small_shop.make_products(2))

    assert place_products(product_ids=[10**9]) == 0
    assert vectors(version=version, product_ids=[10**9]) == {}


def test_products_without_a_place_are_named_newest_first():
    version = small_shop.publish_model(small_shop.make_products(2))
    newcomers = [ProductFactory(), ProductFactory(created_at=small_shop.NOW)]

    assert unplaced_products(version_id=version.id) == [newcomers[1].pk, newcomers[0].pk]
    assert unplaced_products(version_id=version.id, limit=1) == [newcomers[1].pk]


def test_a_product_deleted_while_the_index_is_built_does_not_stop_the_publishing():
    products = small_shop.make_products(3)
    row, _ = small_shop.build_model(products[:1])
    ids = np.array([product.pk for product in products])
    product_vectors.create_partition(version_id=10**6)
    row.pk = 10**6
    row.name, row.artifact = "other", "other"
    row.save(force_insert=True)
    product_vectors.copy_vectors(version_id=row.pk, product_ids=ids, vectors=small_shop.random_vectors(3))
    product_vectors.build_index(version_id=row.pk, dimension=small_shop.DIMENSION)
    products[1].delete()

    product_vectors.attach_partition(version_id=row.pk)

    left = ProductVector.objects.filter(version_id=row.pk).values_list("product_id", flat=True)
    assert sorted(left) == [products[0].pk, products[2].pk]


def test_a_partition_is_dropped_once_and_dropping_again_is_no_error():
    version = small_shop.publish_model(small_shop.make_products(2))

    product_vectors.drop_partition(version_id=version.id)
    product_vectors.drop_partition(version_id=version.id)

    assert ProductVector.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_dropping_a_partition_waits_for_readers_only_so_long(monkeypatch):
    version = small_shop.publish_model(small_shop.make_products(2))
    monkeypatch.setattr(product_vectors, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = '100ms'")
    reader = connection.copy()
    reader.set_autocommit(False)
    with closing(reader), reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM recs_productvector")

        with pytest.raises(OperationalError, match="lock timeout"):
            product_vectors.drop_partition(version_id=version.id)

    product_vectors.drop_partition(version_id=version.id)
