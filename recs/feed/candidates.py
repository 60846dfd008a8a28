"""What passes between the stages of a feed: a request, proposals, candidates, a trace. No Django in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recs.engine.catalogue_scores import CatalogueScores
from recs.engine.interactions import Kind

Vector = NDArray[np.float32]

NEWCOMERS = "newcomers"
"""The source whose products have places of their own on a page."""


@dataclass(frozen=True, slots=True)
class Recent:
    """A product that the shopper dealt with, and how last."""

    product_id: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """All that the stages know of who asks and what for; keys are primary keys.

    ``vector`` float32 [d] is the shopper in the space of the active version, None without history or model.
    ``scores`` are of the recommender that ranks in its place, where the version has one.
    ``personal`` is False for a shopper without a history, or one who wants no personalised feeds.
    ``elsewhere`` are products that the same page shows already. ``causes`` are the products of the history behind
    ``vector``, newest first, which reasons may speak of; ``recent`` those that sources start from.
    """

    scenario: str
    count: int
    personal: bool = False
    vector: Vector | None = None
    scores: CatalogueScores | None = None
    recent: tuple[Recent, ...] = ()
    causes: tuple[Recent, ...] = ()
    bought: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()
    in_cart: tuple[int, ...] = ()
    product_id: int | None = None
    query: str = ""
    include_bought: bool = False
    elsewhere: frozenset[int] = frozenset()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The products that the feed is about, where it is about any."""
        if self.product_id is not None:
            return (self.product_id,)
        return self.in_cart if self.scenario == "cart" else ()

    @property
    def mentioned(self) -> tuple[int, ...]:
        """Products that a reason may speak of."""
        done = (one.product_id for one in (*self.recent, *self.causes))
        return tuple(dict.fromkeys([*done, *self.seeds]))

    @property
    def unwanted(self) -> frozenset[int]:
        """Products that the filters will take away: sources leave them out, lest a heavy buyer's page stay empty, and
        a second stage, lest they fill the hundred that it puts in order. A list that was given is filtered by none."""
        if self.scenario == "rerank":
            return frozenset()
        bought = frozenset() if self.include_bought else self.bought
        return self.hidden | bought | frozenset(self.in_cart) | frozenset(self.seeds) | self.elsewhere


@dataclass(frozen=True, slots=True)
class Proposal:
    """A product that a source proposes; ``because`` is the product that led to it.

    ``otherwise``: what the source would propose without that one, of likeness to several products of the history.
    """

    product_id: int
    score: float
    because: int | None = None
    otherwise: Proposal | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the shop says of a product now.

    ``vector`` float32 [d] in the space of the active version, if it has one. A product that is not
    ``visible`` may not be named either.
    """

    available: bool
    name: str
    category_id: int | None
    category: str
    popularity: float
    vector: Vector | None = None
    visible: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product and who proposed it; ``parts`` are the summands of ``score``, by the scorer's name."""

    product_id: int
    proposals: dict[str, Proposal]
    facts: Facts | None = None
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        return sum(self.parts.values())

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(self.proposals)

    @property
    def newcomer(self) -> Proposal | None:
        """What was proposed for a product that nobody had met when the model learnt."""
        return self.proposals.get(NEWCOMERS)

    def without(self, product_id: int) -> Candidate:
        """With the proposals that there would be if that product had led to none."""
        left = {
            source: one.otherwise if one.because == product_id else one
            for source, one in self.proposals.items()
        }
        return replace(self, proposals={source: one for source, one in left.items() if one is not None})


@dataclass(frozen=True, slots=True)
class Contributions:
    """What products of the shopper's history add to the scores of candidates.

    ``values`` float32 [products, candidates]: the score with all interactions with the product minus the score
    without them.
    """

    product_ids: tuple[int, ...]
    values: Vector

    def to(self, place: int) -> dict[int, float]:
        """To the candidate in that place, by product."""
        return dict(zip(self.product_ids, self.values[:, place].tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a product is shown; ``product_id`` is the one that the text speaks of. ``owed``: what the score owes to each
    product of the history, largest first."""

    code: str
    text: str
    product_id: int | None = None
    owed: Mapping[int, float] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate in its final place, with its reason, and what each product of the history adds to its score."""

    candidate: Candidate
    reason: Reason
    contributions: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filtered:
    """What a filter kept, and what it removed, each with why."""

    kept: list[Candidate]
    removed: dict[int, str]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage in the trace: how many went in and came out, what was dropped and why, and what failed."""

    kind: str
    name: str
    milliseconds: float
    incoming: int
    outgoing: int
    dropped: dict[int, str] = field(default_factory=dict)
    proposed: tuple[int, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    stages: tuple[Stage, ...] = ()
