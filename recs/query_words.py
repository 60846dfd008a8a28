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
    queries = []
    for place in rng.choice(len(names), size=min(size, len(names)), replace=False):
        words = names[place].split()
        kept = sorted(rng.choice(len(words), size=min(len(words), int(rng.integers(1, 4))), replace=False))
        queries.append(" ".join(words[word] for word in kept))
    table = QueryEncoder(table_folder())
    began = time.perf_counter()
    by_table = [table.encode(query) for query in queries]
    table_ms = 1000 * (time.perf_counter() - began) / len(queries)
    encoder = text_encoder()
    began = time.perf_counter()
    by_model = [encoder.encode([query])[0] for query in queries]
    model_ms = 1000 * (time.perf_counter() - began) / len(queries)
    products = _text_vectors()
    shared, found = [], 0
    for query, fast, slow in zip(queries, by_table, by_model, strict=True):
        if fast is None:
            continue
        found += 1
        top = {tuple(np.argsort(-(products @ vector))[:places]) for vector in (fast, slow)}
        first = set(np.argsort(-(products @ fast))[:places])
        shared.append(
            len(first & set(np.argsort(-(products @ slow))[:places])) / places if len(top) > 1 else 1.0
        )
        if found <= 5:
            yield f"  {query}: {shared[-1]:.0%}"
    yield f"{found} of {len(queries)} queries have a known word"
    yield f"overlap@{places} with the model's own ranking: {np.mean(shared):.3f}"
    yield f"milliseconds a query: table {table_ms:.3f}, model {model_ms:.1f} (ratio {model_ms / table_ms:.0f})"


def _text_vectors() -> FloatArray:
    with connection.cursor() as cursor:
        cursor.execute("SELECT halfvec_send(text) FROM recs_productcontent WHERE text IS NOT NULL")
        rows = [row[0] for row in cursor.fetchall()]
    return from_binary(rows, int.from_bytes(rows[0][:2], "big"))
