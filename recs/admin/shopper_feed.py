"""The page that shows a shopper's feed as it would be served now, with reasons, features and trace."""

import uuid
from dataclasses import asdict, is_dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.views.generic import TemplateView
from unfold.views import UnfoldModelAdminViewMixin

from accounts.models import Shopper
from catalog.models import Product
from recs.admin.figures import figures_table
from recs.models import Interaction

HISTORY_SHOWN = 30
COUNT = 24
SCENARIOS = ("home", "similar", "bought_together", "cart", "trending", "new", "search")
NEEDS_PRODUCT = frozenset({"similar", "bought_together"})


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
    if scenario in NEEDS_PRODUCT and product is None:
        return found | {"problem": f"The scenario {scenario} is about a product: enter its code."}
    from recs.feed.scenarios import serve_feed

    feed = serve_feed(
        scenario=scenario,
        shopper=shopper,
        product=product,
        query=query,
        count=COUNT,
        include_bought=False,
        log=False,
    )
    return found | {"feed": feed, "product": product, "trace": _trace_table(feed.trace)}


def _trace_table(trace: Any) -> SafeString:
    """Every stage with what it proposed, dropped and took, as the pipeline reported it."""
    return figures_table(asdict(trace) if is_dataclass(trace) and not isinstance(trace, type) else trace)


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
