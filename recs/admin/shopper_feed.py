"""The page that shows a shopper's feed as it would be served now, with reasons, features and trace."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.views.generic import TemplateView
from unfold.views import UnfoldModelAdminViewMixin

from accounts.models import Shopper
from catalog.models import Product
from recs.feed.candidates import Trace
from recs.feed.response import FeedItem
from recs.feed.scenarios import ABOUT_A_PRODUCT, SCENARIOS, serve_feed
from recs.models import Interaction

HISTORY_SHOWN = 30
COUNT = 24
CONTRIBUTIONS = 3
"""Products of the history that are named beside each product of the feed."""
NAMED = 6
"""Dropped products that are named; the others are counted."""


@dataclass(frozen=True)
class Dropped:
    """Products that a stage dropped for one reason."""

    why: str
    count: int
    names: list[str]
    more: bool


@dataclass(frozen=True)
class Contribution:
    """What a product of the history adds to a score, or takes from it."""

    name: str
    value: float


@dataclass(frozen=True)
class ItemRow:
    """A product of the feed, and the products of the history that add or take most, largest first, the one that its
    reason names among them."""

    item: FeedItem
    contributions: list[Contribution]


@dataclass(frozen=True)
class TraceRow:
    """A stage of the pipeline, to read."""

    kind: str
    name: str
    milliseconds: float
    incoming: int
    outgoing: int
    dropped: list[Dropped]
    error: str


class ShopperFeedView(UnfoldModelAdminViewMixin, TemplateView):
    """``?shopper=`` a UUID, a customer number or an e-mail address; ``&scenario=``, ``&product=`` its code.

    Nothing is logged as served: looking at a feed must not count as showing it to the shopper.
    """

    title = "A shopper's feed"
    permission_required = "recs.view_recommendation"
    template_name = "admin/recs/shopper_feed.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asked = {name: self.request.GET.get(name, "").strip() for name in ("shopper", "product", "query")}
        scenario = self.request.GET.get("scenario", "home")
        if scenario not in SCENARIOS:
            scenario = "home"
        context: dict[str, Any] = {
            "asked": asked,
            "scenario": scenario,
            "scenarios": list(SCENARIOS),
            "problem": "",
            "suggestions": Shopper.objects.filter(code__isnull=False).order_by("-last_seq")[:8],
        }
        if asked["shopper"]:
            context |= _explained(asked["shopper"], scenario, asked["product"], asked["query"])
        return super().get_context_data(**kwargs, **context)


def _explained(name: str, scenario: str, code: str, query: str) -> dict[str, Any]:
    """The shopper, their history and feed; ``problem`` says in words what is missing."""
    shopper = find_shopper(name)
    if shopper is None:
        return {"problem": f"No shopper has the UUID, customer number or e-mail address “{name}”."}
    found: dict[str, Any] = {"shopper": shopper, "history": _history(shopper)}
    product = Product.objects.filter(code=code).first() if code else None
    if code and product is None:
        return found | {"problem": f"No product has the code “{code}”."}
    if scenario in ABOUT_A_PRODUCT and product is None:
        return found | {"problem": f"The scenario {scenario} is about a product: enter its code."}
    feed = serve_feed(
        scenario=scenario,
        shopper=shopper,
        product=product,
        query=query,
        count=COUNT,
        include_bought=False,
        log=False,
    )
    return found | {
        "feed": feed,
        "rows": item_rows(feed.items),
        "product": product,
        "trace": trace_rows(feed.trace),
    }


def item_rows(items: Sequence[FeedItem]) -> list[ItemRow]:
    """The products in their order, with the largest contributions of either sign by name."""
    largest = {item.product.pk: _largest(item) for item in items}
    ids = {product_id for pairs in largest.values() for product_id, _ in pairs}
    names = dict(Product.objects.filter(pk__in=ids).values_list("pk", "name"))
    return [
        ItemRow(
            item,
            [
                Contribution(names.get(product_id, "a deleted product"), value)
                for product_id, value in largest[item.product.pk]
            ],
        )
        for item in items
    ]


def _largest(item: FeedItem) -> list[tuple[int, float]]:
    named = item.reason.product.pk if item.reason.product else None
    order = sorted(item.owed.items(), key=lambda pair: -abs(pair[1]))
    return [pair for place, pair in enumerate(order) if place < CONTRIBUTIONS or pair[0] == named]


def trace_rows(trace: Trace) -> list[TraceRow]:
    """The stages in their order; what was dropped is grouped by the reason."""
    ids = {product_id for stage in trace.stages for product_id in stage.dropped}
    names = dict(Product.objects.filter(pk__in=ids).values_list("pk", "name"))
    return [
        TraceRow(
            kind=stage.kind,
            name=stage.name.replace("_", " "),
            milliseconds=stage.milliseconds,
            incoming=stage.incoming,
            outgoing=stage.outgoing,
            dropped=_by_reason(stage.dropped, names),
            error=stage.error,
        )
        for stage in trace.stages
    ]


def _by_reason(dropped: Mapping[int, str], names: Mapping[int, str]) -> list[Dropped]:
    groups: dict[str, list[str]] = defaultdict(list)
    for product_id, why in dropped.items():
        groups[why].append(names.get(product_id, "a deleted product"))
    return [Dropped(why, len(found), found[:NAMED], len(found) > NAMED) for why, found in groups.items()]


def find_shopper(name: str) -> Shopper | None:
    """By UUID, else by customer number, else by the user's e-mail address."""
    shoppers = Shopper.objects.select_related("user")
    try:
        return shoppers.filter(uuid=uuid.UUID(name)).first()
    except ValueError:
        return shoppers.filter(code=name).first() or shoppers.filter(user__email__iexact=name).first()


def _history(shopper: Shopper) -> list[Interaction]:
    newest = (
        Interaction.objects.filter(shopper=shopper).select_related("product").order_by("-occurred_at", "-seq")
    )
    return list(newest[:HISTORY_SHOWN])
