"""Text and picture vectors of products: computed once per product and content, by a worker or an import."""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from catalog.models import Product
from recs.engine.content.image import ImageEncoder, PictureError
from recs.engine.content.text import TextEncoder
from recs.vectors import to_text

logger = logging.getLogger(__name__)

BATCH = 512
"""Products written at once: what a killed run loses at most."""
PICTURES = 32
"""Different pictures written at once, likewise."""

Say = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a product says and shows, and the hashes of it that its stored vectors stand for."""

    product_id: int
    words: str
    picture: str
    text_hash: str
    image_hash: str
    saved_at: datetime

    @property
    def new_text_hash(self) -> str:
        return _hash(settings.TEXT_ENCODER, self.words.encode())

    def new_image_hash(self, digest: str) -> str:
        return _hash(settings.IMAGE_ENCODER, digest.encode()) if digest else ""


def encode_content(*, product_ids: Sequence[int] | None = None, say: Say | None = None) -> int:
    """Encodes what is missing or changed, of all products or these; returns how many were written.

    ``say(stage, done in 0 … 1)``. A picture that cannot be read is logged and counts as none.
    """
    tell = say or (lambda stage, done: None)
    wanted = _wanted(product_ids)
    digests = _digests(wanted)
    texts = [one for one in wanted if one.new_text_hash != one.text_hash]
    pictures = [one for one in wanted if one.new_image_hash(digests[one.picture]) != one.image_hash]
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        vectors = text_encoder().encode([one.words for one in batch])
        _store(
            "text",
            [(one, one.new_text_hash, to_text(vector)) for one, vector in zip(batch, vectors, strict=True)],
        )
        tell("texts", (start + len(batch)) / len(texts))
    _encode_pictures(pictures, digests, tell)
    changed = {one.product_id for one in (*texts, *pictures)}
    _touch([one for one in wanted if one.product_id not in changed])
    return len(changed)


def products_to_encode(*, limit: int = 5_000) -> list[int]:
    """Products saved after their content was encoded, or never encoded."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT product.id FROM catalog_product product"
            " LEFT JOIN recs_productcontent content ON content.product_id = product.id"
            " WHERE content.product_id IS NULL OR content.updated_at < product.updated_at"
            " ORDER BY product.updated_at DESC LIMIT %s",
            [limit],
        )
        return [row[0] for row in cursor.fetchall()]


@functools.cache
def text_encoder() -> TextEncoder:
    return TextEncoder(settings.TEXT_ENCODER)


@functools.cache
def image_encoder() -> ImageEncoder:
    return ImageEncoder(settings.IMAGE_ENCODER)


def product_words(name: str, description: str) -> str:
    """What the text encoder reads of a product."""
    return f"{name}. {description}" if description else name


def _encode_pictures(pictures: list[Wanted], digests: dict[str, str], tell: Say) -> None:
    """Products that share a picture share its vector: each different one is encoded once."""
    owners: dict[str, list[Wanted]] = {}
    for one in pictures:
        owners.setdefault(digests[one.picture], []).append(one)
    gone = owners.pop("", [])
    _store("image", [(one, "", None) for one in gone])
    names = sorted(owners)
    for start in range(0, len(names), PICTURES):
        batch = names[start : start + PICTURES]
        vectors = _picture_vectors([owners[name][0].picture for name in batch])
        rows = [
            (one, one.new_image_hash(name), vector)
            for name, vector in zip(batch, vectors, strict=True)
            for one in owners[name]
        ]
        _store("image", rows)
        tell("pictures", (start + len(batch)) / len(names))


def _picture_vectors(pictures: list[str]) -> list[str | None]:
    """None for one that cannot be read: its product does without, and the log names it."""
    folder = Path(settings.MEDIA_ROOT)
    try:
        return [to_text(vector) for vector in image_encoder().encode([folder / one for one in pictures])]
    except PictureError as failure:
        if len(pictures) > 1:
            return [vector for one in pictures for vector in _picture_vectors([one])]
        logger.warning("the picture %s is left out: %s", pictures[0], failure)
        return [None]


def _wanted(product_ids: Sequence[int] | None) -> list[Wanted]:
    products = Product.objects.all() if product_ids is None else Product.objects.filter(pk__in=product_ids)
    rows = products.order_by("pk").values_list(
        "pk", "name", "description", "image", "updated_at", "content__text_hash", "content__image_hash"
    )
    return [
        Wanted(pk, product_words(name, description), image or "", text_hash or "", image_hash or "", saved_at)
        for pk, name, description, image, saved_at, text_hash, image_hash in rows
    ]


def _digests(wanted: list[Wanted]) -> dict[str, str]:
    """SHA-256 of each different picture file; empty for none."""
    digests = {}
    for picture in {one.picture for one in wanted}:
        path = Path(settings.MEDIA_ROOT) / picture
        digests[picture] = hashlib.sha256(path.read_bytes()).hexdigest() if picture and path.is_file() else ""
    return digests


def _store(part: str, rows: list[tuple[Wanted, str, str | None]]) -> None:
    """``updated_at`` becomes that of the product as it was read: one saved since then still counts as stale."""
    other = "image" if part == "text" else "text"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO recs_productcontent (product_id, {part}_hash, {part}, {other}_hash, updated_at)"
            " SELECT id, %s, %s::halfvec, '', %s FROM catalog_product WHERE id = %s"
            f" ON CONFLICT (product_id) DO UPDATE SET {part}_hash = excluded.{part}_hash,"
            f" {part} = excluded.{part}, updated_at = excluded.updated_at",
            [(digest, vector, one.saved_at, one.product_id) for one, digest, vector in rows],
        )


def _touch(unchanged: list[Wanted]) -> None:
    """What was saved without a change of words or picture is not looked at again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE recs_productcontent content SET updated_at = seen.saved_at"
            " FROM unnest(%s::bigint[], %s::timestamptz[]) AS seen (product_id, saved_at)"
            " WHERE content.product_id = seen.product_id AND content.updated_at < seen.saved_at",
            [[one.product_id for one in unchanged], [one.saved_at for one in unchanged]],
        )


def _hash(encoder: str, content: bytes) -> str:
    return hashlib.sha256(encoder.encode() + b"\0" + content).hexdigest()
