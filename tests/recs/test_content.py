"""Content vectors on Postgres, by encoders small enough to count what they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings
from PIL import Image

from catalog.models import Product
from recs import content
from recs.content import encode_content, products_to_encode
from recs.engine.content.image import PictureError
from recs.models import ProductContent
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db


class Encoder:
    """Four numbers from what it is given; notes each."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, inputs: Sequence[str | Path]) -> np.ndarray:
        names = [one if isinstance(one, str) else one.name for one in inputs]
        if len(names) > 1 and "broken.png" in names:
            raise PictureError("broken.png is no picture that can be read")
        self.seen += names
        if "broken.png" in names:
            raise PictureError("broken.png is no picture that can be read")
        return np.array([[len(name), 1, 0, 0] for name in names], dtype=np.float32)


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> Encoder:
    encoder = Encoder()
    monkeypatch.setattr(content, "text_encoder", lambda: encoder)
    return encoder


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch, settings: LazySettings, tmp_path: Path) -> Encoder:
    """A media folder with a red and a blue picture, and one that is broken."""
    settings.MEDIA_ROOT = tmp_path
    for colour in ("red", "blue"):
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{colour}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    encoder = Encoder()
    monkeypatch.setattr(content, "image_encoder", lambda: encoder)
    return encoder


def test_name_and_description_are_encoded_once(texts):
    ProductFactory(name="Mug", description="Holds tea")
    ProductFactory(name="Bag")

    assert encode_content() == 2
    assert texts.seen == ["Mug. Holds tea", "Bag"]
    assert encode_content() == 0
    assert len(texts.seen) == 2


def test_only_what_changed_is_encoded_again(texts):
    mug, bag = ProductFactory(name="Mug"), ProductFactory(name="Bag")
    encode_content()
    mug.name, bag.price = "Big mug", "9.99"
    mug.save()
    bag.save()

    assert set(products_to_encode()) == {mug.pk, bag.pk}
    assert encode_content() == 1
    assert texts.seen == ["Mug", "Bag", "Big mug"]
    assert products_to_encode() == []


def test_another_encoder_makes_all_vectors_stale(texts, settings):
    ProductFactory(name="Mug")
    encode_content()

    settings.TEXT_ENCODER = "another"

    assert encode_content() == 1


def test_a_product_saved_while_it_was_encoded_stays_to_be_encoded(texts, monkeypatch):
    mug = ProductFactory(name="Mug")
    encode = texts.encode

    def encode_while_the_owner_saves(inputs):
        Product.objects.filter(pk=mug.pk).update(
            name="Cup", updated_at=mug.updated_at + timedelta(milliseconds=1)
        )
        return encode(inputs)

    monkeypatch.setattr(texts, "encode", encode_while_the_owner_saves)
    encode_content()
    monkeypatch.setattr(texts, "encode", encode)

    assert products_to_encode() == [mug.pk]
    assert encode_content() == 1
    assert texts.seen == ["Mug", "Cup"]


def test_products_that_share_a_picture_share_its_vector(texts, pictures, tmp_path):
    (tmp_path / "copy.png").write_bytes((tmp_path / "red.png").read_bytes())
    one, two, three = (ProductFactory(image=name) for name in ("red.png", "copy.png", "blue.png"))

    encode_content()

    assert len(pictures.seen) == 2
    vectors = dict(ProductContent.objects.values_list("product_id", "image"))
    assert vectors[one.pk] == vectors[two.pk]
    assert vectors[three.pk] is not None


def test_a_picture_replaced_under_its_name_is_encoded_again(texts, pictures, tmp_path):
    ProductFactory(image="red.png")
    encode_content()

    Image.new("RGB", (8, 8), "green").save(tmp_path / "red.png")

    assert encode_content() == 1
    assert pictures.seen == ["red.png", "red.png"]


def test_a_broken_picture_costs_only_itself_and_is_tried_once(texts, pictures, caplog):
    broken, good = ProductFactory(image="broken.png"), ProductFactory(image="red.png")

    encode_content()
    encode_content()

    found = dict(ProductContent.objects.values_list("product_id", "image"))
    assert found[broken.pk] is None
    assert found[good.pk] is not None
    assert pictures.seen.count("broken.png") == 1
    assert "the picture broken.png is left out" in caplog.text


def test_a_picture_taken_away_takes_its_vector_along(texts, pictures):
    mug = ProductFactory(image="red.png")
    encode_content()

    Product.objects.filter(pk=mug.pk).update(image="")
    assert encode_content() == 1

    kept = ProductContent.objects.get(product=mug)
    assert kept.image is None
    assert kept.text is not None


def test_a_product_that_went_meanwhile_is_passed_over(texts, monkeypatch):
    mug, bag = ProductFactory(name="Mug"), ProductFactory(name="Bag")
    encode = texts.encode

    def encode_while_the_mug_goes(inputs):
        mug.delete()
        return encode(inputs)

    monkeypatch.setattr(texts, "encode", encode_while_the_mug_goes)
    encode_content()

    assert list(ProductContent.objects.values_list("product_id", flat=True)) == [bag.pk]


def test_progress_names_the_stage_and_ends_at_one(texts, pictures):
    ProductFactory(image="red.png")
    told: list[tuple[str, float]] = []

    encode_content(say=lambda stage, done: told.append((stage, done)))

    assert told == [("texts", 1.0), ("pictures", 1.0)]
