"""Requests, facts and candidates for tests of single stages, without a database."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recs.engine.interactions import Kind
from recs.feed.candidates import Candidate, Facts, FeedRequest, Proposal, Recent, Vector


def request(scenario: str = "home", count: int = 24, **what: object) -> FeedRequest:
    return FeedRequest(scenario, count, **what)  # type: ignore[arg-type]


def recent(product_id: int, kind: Kind = Kind.VIEW) -> Recent:
    return Recent(product_id, kind)


def facts(
    name: str = "",
    *,
    available: bool = True,
    category: str = "",
    category_id: int | None = None,
    popularity: float = 0.0,
    vector: Sequence[float] | None = None,
    visible: bool = True,
) -> Facts:
    return Facts(
        available, name, category_id, category, popularity, unit(vector) if vector else None, visible
    )


def candidate(
    product_id: int,
    source: str = "trending",
    score: float = 1.0,
    because: int | None = None,
    *,
    about: Facts | None = None,
    parts: dict[str, float] | None = None,
    **more: float,
) -> Candidate:
    """``more``: further sources and their scores."""
    proposals = {source: Proposal(product_id, score, because)}
    proposals |= {name: Proposal(product_id, other) for name, other in more.items()}
    return Candidate(product_id, proposals, about or facts(f"Product {product_id}"), parts or {})


def unit(values: Sequence[float]) -> Vector:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def ids(candidates: Sequence[Candidate]) -> list[int]:
    return [one.product_id for one in candidates]
