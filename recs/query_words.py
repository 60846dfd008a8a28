"""Makes and measures the table of query words; recs/queries.py is what web processes read it by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from django.conf import settings
from django.db import connection

from catalog.models import Product
from recs.content import product_words, text_encoder
from recs.engine.content.query import QueryEncoder, QueryTableMissing, distil
from recs.engine.interactions import FloatArray
from recs.queries import table_folder
from recs.vectors import from_binary

SHOWN = 5
"""Queries that measure_queries shows one by one."""


def distil_queries(*, progress: Callable[[float], None] | None = None) -> int:
    """Distils the encoder's words and the shop's; 0 if that is done already for this encoder and these words."""
    texts = [product_words(*row) for row in Product.objects.values_list("name", "description")]
    try:
        if QueryEncoder(table_folder()).covers(settings.TEXT_ENCODER, texts):
            return 0
    except QueryTableMissing:
        pass
    encoder = text_encoder()
    return distil(encoder, encoder.vocabulary(), texts, table_folder(), progress=progress)


def measure_queries(*, size: int = 100, places: int = 10, seed: int = 0) -> Iterator[str]:
    """Compares search by the table with search by the model itself, on queries made from product names."""
    rng = np.random.default_rng(seed)
    names = list(Product.objects.order_by("pk").values_list("name", flat=True))
    products = _text_vectors()
    if not names or not len(products):
        yield "no product is encoded yet: nothing to measure"
        return
    queries = []
    for place in rng.choice(len(names), size=min(size, len(names)), replace=False):
        words = names[place].split()
        kept = sorted(rng.choice(len(words), size=min(len(words), int(rng.integers(1, 4))), replace=False))
        queries.append(" ".join(words[word] for word in kept))
    began = time.perf_counter()
    table = QueryEncoder(table_folder())
    loading_ms = 1000 * (time.perf_counter() - began)
    table.encode(queries[0])
    began = time.perf_counter()
    by_table = [table.encode(query) for query in queries]
    table_ms = 1000 * (time.perf_counter() - began) / len(queries)
    encoder = text_encoder()
    began = time.perf_counter()
    by_model = [encoder.encode([query])[0] for query in queries]
    model_ms = 1000 * (time.perf_counter() - began) / len(queries)
    shared = []
    for query, fast, slow in zip(queries, by_table, by_model, strict=True):
        if fast is None:
            continue
        found, wanted = (set(np.argsort(-(products @ vector))[:places].tolist()) for vector in (fast, slow))
        shared.append(len(found & wanted) / places)
        if len(shared) <= SHOWN:
            yield f"  {query}: {shared[-1]:.0%}"
    yield f"{len(shared)} of {len(queries)} queries have a known word"
    yield f"overlap@{places} with the model's own ranking: {np.mean(shared):.3f}"
    yield f"milliseconds: reading the table {loading_ms:.0f}, a query by it {table_ms:.3f}, by the model {model_ms:.1f}"


def _text_vectors() -> FloatArray:
    with connection.cursor() as cursor:
        cursor.execute("SELECT halfvec_send(text) FROM recs_productcontent WHERE text IS NOT NULL")
        rows = [row[0] for row in cursor.fetchall()]
    if not rows:
        return np.zeros((0, 0), dtype=np.float32)
    return from_binary(rows, int.from_bytes(rows[0][:2], "big"))
