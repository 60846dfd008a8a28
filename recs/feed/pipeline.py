"""PATH 2, the executor: sources → hydrate → filter → score → re-rank → explain. Scenarios say with what.

No Django in here: a pipeline of plain functions runs in a test without a database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recs.feed.candidates import (
    Candidate,
    Contributions,
    Facts,
    FeedRequest,
    Filtered,
    Proposal,
    Ranked,
    Reason,
    Stage,
    Trace,
    Vector,
)

logger = logging.getLogger(__name__)


class Source(Protocol):
    @property
    def name(self) -> str: ...

    def __call__(self, request: FeedRequest) -> Sequence[Proposal]: ...


Hydrator = Callable[[Sequence[int]], dict[int, Facts]]
Filter = Callable[[Sequence[Candidate], FeedRequest], Filtered]
Scorer = Callable[[Sequence[Candidate], FeedRequest], Vector]
Reranker = Callable[[Sequence[Candidate], FeedRequest], list[Candidate]]
Contributor = Callable[[Sequence[Candidate], FeedRequest], Contributions]
Explainer = Callable[[Sequence[Candidate], FeedRequest, dict[int, Facts], Contributions], list[Reason]]


@dataclass(frozen=True, slots=True)
class Result:
    ranked: list[Ranked]
    trace: Trace


@dataclass(frozen=True)
class CandidatePipeline:
    """The stages of one scenario, in order.

    A source, scorer, re-ranker or contributor that fails is logged, noted in the trace and left out: the feed still
    answers. A filter may not fail: rather no page than one that shows what the shopper hid. Hydration is
    the shop's own database: if that is gone, there is no shop, and its error is raised.
    """

    sources: Sequence[Source]
    hydrate: Hydrator
    filters: Sequence[Filter]
    scorers: Sequence[Scorer]
    rerank: Reranker
    explain: Explainer
    contribute: Contributor | None = None
    """Asked for the page alone; None where the history takes no part."""

    def run(self, request: FeedRequest) -> Result:
        watch = Watch()
        candidates = self._propose(request, watch)
        candidates, facts = self._hydrate(candidates, request, watch)
        candidates = self._filter(candidates, request, watch)
        candidates = self._score(candidates, request, watch)
        candidates = self._rerank(candidates, request, watch)
        contributions = self._contribute(candidates, request, watch)
        reasons = self.explain(candidates, request, facts, contributions)
        watch.note("explain", "reasons", incoming=len(candidates), outgoing=len(reasons))
        ranked = [
            Ranked(one, reason, contributions.to(place))
            for place, (one, reason) in enumerate(zip(candidates, reasons, strict=True))
        ]
        return Result(ranked, Trace(tuple(watch.stages)))

    def _propose(self, request: FeedRequest, watch: Watch) -> list[Candidate]:
        """Each product once, with everything that was proposed for it."""
        found: dict[int, dict[str, Proposal]] = {}
        for source in self.sources:
            try:
                proposals = source(request)
            except Exception as failure:
                logger.exception("source %s failed; the feed goes on without it", source.name)
                watch.note("source", source.name, error=_said(failure))
                continue
            for proposal in proposals:
                found.setdefault(proposal.product_id, {}).setdefault(source.name, proposal)
            proposed = tuple(proposal.product_id for proposal in proposals)
            watch.note("source", source.name, outgoing=len(proposed), proposed=proposed)
        return [Candidate(product_id, proposals) for product_id, proposals in found.items()]

    def _hydrate(
        self, candidates: list[Candidate], request: FeedRequest, watch: Watch
    ) -> tuple[list[Candidate], dict[int, Facts]]:
        """Facts of the candidates and of what reasons may speak of. Asked also for none: is the database there?"""
        wanted = dict.fromkeys([*(candidate.product_id for candidate in candidates), *request.mentioned])
        facts = self.hydrate(list(wanted))
        known = [
            Candidate(one.product_id, one.proposals, facts[one.product_id])
            for one in candidates
            if one.product_id in facts
        ]
        dropped = {
            one.product_id: "no such product any more" for one in candidates if one.product_id not in facts
        }
        watch.note("hydrate", "products", incoming=len(candidates), outgoing=len(known), dropped=dropped)
        return known, facts

    def _filter(self, candidates: list[Candidate], request: FeedRequest, watch: Watch) -> list[Candidate]:
        for keep in self.filters:
            result = keep(candidates, request)
            watch.note(
                "filter",
                _name(keep),
                incoming=len(candidates),
                outgoing=len(result.kept),
                dropped=result.removed,
            )
            candidates = result.kept
        return candidates

    def _score(self, candidates: list[Candidate], request: FeedRequest, watch: Watch) -> list[Candidate]:
        """Sum of the scorers' parts, best first; of equals the product that came first into the shop."""
        parts: list[dict[str, float]] = [{} for _ in candidates]
        for scorer in self.scorers:
            name = _name(scorer)
            try:
                scored = [float(part) for part in scorer(candidates, request)]
            except Exception as failure:
                logger.exception("scorer %s failed; the feed goes on without it", name)
                watch.note("score", name, incoming=len(candidates), error=_said(failure))
                continue
            for of_candidate, part in zip(parts, scored, strict=True):
                of_candidate[name] = part
            watch.note("score", name, incoming=len(candidates), outgoing=len(candidates))
        # Made once with all parts: a copy per scorer cost a quarter of a feed's time.
        scored_candidates = [
            Candidate(one.product_id, one.proposals, one.facts, of_candidate)
            for one, of_candidate in zip(candidates, parts, strict=True)
        ]
        return sorted(scored_candidates, key=lambda one: (-one.score, one.product_id))

    def _rerank(self, candidates: list[Candidate], request: FeedRequest, watch: Watch) -> list[Candidate]:
        error = ""
        try:
            chosen = self.rerank(candidates, request)
        except Exception as failure:
            logger.exception(
                "re-ranker %s failed; the feed keeps the order of the scores", _name(self.rerank)
            )
            chosen, error = candidates[: request.count], _said(failure)
        watch.note(
            "rerank",
            _name(self.rerank),
            incoming=len(candidates),
            outgoing=len(chosen),
            dropped=_left_over(candidates, chosen),
            error=error,
        )
        return chosen

    def _contribute(self, candidates: list[Candidate], request: FeedRequest, watch: Watch) -> Contributions:
        nothing = Contributions((), np.zeros((0, len(candidates)), dtype=np.float32))
        if self.contribute is None or not candidates:
            return nothing
        error = ""
        try:
            found = self.contribute(candidates, request)
        except Exception as failure:
            logger.exception("contributions failed; the feed goes on without them")
            found, error = nothing, _said(failure)
        watch.note(
            "explain",
            "contributions",
            incoming=len(candidates),
            outgoing=len(found.product_ids),
            error=error,
        )
        return found


class Watch:
    """Notes each stage with the time since the one before."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self._since = time.perf_counter()

    def note(
        self,
        kind: str,
        name: str,
        *,
        incoming: int = 0,
        outgoing: int = 0,
        dropped: dict[int, str] | None = None,
        proposed: tuple[int, ...] = (),
        error: str = "",
    ) -> None:
        now = time.perf_counter()
        spent = 1000 * (now - self._since)
        self._since = now
        self.stages.append(Stage(kind, name, spent, incoming, outgoing, dropped or {}, proposed, error))


def _left_over(candidates: Sequence[Candidate], chosen: Sequence[Candidate]) -> dict[int, str]:
    """Why the rest is not on the page, best first: by its score, or for the sake of variety and newcomers, whose own
    scores may be lower than any."""
    kept = {one.product_id for one in chosen}
    lowest = min((one.score for one in chosen if not one.newcomer), default=0.0)
    return {
        one.product_id: "gave way to variety or a newcomer" if one.score > lowest else "scored below the page"
        for one in candidates
        if one.product_id not in kept
    }


def _said(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"


def _name(stage: object) -> str:
    return str(getattr(stage, "__name__", type(stage).__name__))
