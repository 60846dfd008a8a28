"""What happened: interactions, served feeds, heartbeats. To read, not to write."""

import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.timesince import timesince
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from catalog.models import Product
from recs.admin.shopper_feed import ShopperFeedView
from recs.models import Heartbeat, Interaction, Recommendation


class ReadOnlyAdmin(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ShopperSearch(ReadOnlyAdmin):
    """Lists of rows of one shopper each, found by the shopper's UUID, customer number or address.

    The rows of these tables are counted in hundreds of thousands: no page counts them all.
    """

    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("=shopper__code", "=shopper__user__email")
    search_help_text = "A shopper's customer number, UUID or e-mail address"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        try:
            return queryset.filter(shopper__uuid=uuid.UUID(search_term.strip())), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)


@admin.register(Interaction)
class InteractionAdmin(ShopperSearch):
    list_display = (
        "occurred_at",
        "kind",
        "product_link",
        "shopper_link",
        "value",
        "query",
        "seq",
        "from_feed",
    )
    list_filter = ("kind",)
    list_select_related = ("product", "shopper__user")
    date_hierarchy = "occurred_at"
    ordering = ("-occurred_at",)
    raw_id_fields = ("shopper", "product")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """The list of shoppers and the list of products link here."""
        allowed = lookup in ("shopper__id__exact", "product__id__exact")
        return allowed or super().lookup_allowed(lookup, value, request)

    @display(description="Product")
    def product_link(self, interaction: Interaction) -> str:
        return _link("catalog_product_change", interaction.product)

    @display(description="Shopper")
    def shopper_link(self, interaction: Interaction) -> str:
        return _link("accounts_shopper_change", interaction.shopper)

    @display(description="From a feed")
    def from_feed(self, interaction: Interaction) -> str:
        return "yes" if interaction.recommendation else ""


@admin.register(Recommendation)
class RecommendationAdmin(ShopperSearch):
    list_display = ("served_at", "scenario", "shopper_link", "version", "seq", "size", "uuid")
    list_filter = ("scenario", "version")
    list_select_related = ("shopper__user", "version")
    date_hierarchy = "served_at"
    ordering = ("-served_at",)
    fields = ("uuid", "served_at", "scenario", "shopper_link", "product", "version", "seq", "shown")

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(ShopperFeedView.as_view(model_admin=self))
        return [path("shopper-feed/", page, name="recs_shopper_feed"), *super().get_urls()]

    @display(description="Shopper")
    def shopper_link(self, recommendation: Recommendation) -> str:
        return _link("accounts_shopper_change", recommendation.shopper)

    @display(description="Products")
    def size(self, recommendation: Recommendation) -> int:
        return len(recommendation.items)

    @display(description="Shown")
    def shown(self, recommendation: Recommendation) -> str:
        """Names of what was served: ``items`` knows products by primary key or by code."""
        keys = [item["product"] for item in recommendation.items]
        by_code = keys and isinstance(keys[0], str)
        found = Product.objects.in_bulk(keys, field_name="code" if by_code else "pk")
        rows = [
            (
                position,
                found[item["product"]].name if item["product"] in found else f"{item['product']} (deleted)",
                f"{item['score']:.3f}" if isinstance(item.get("score"), float) else "–",
                ", ".join(item.get("sources") or []),
                _reason(item.get("reason")),
            )
            for position, item in enumerate(recommendation.items, start=1)
        ]
        cells = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"
        head = "<tr><th>#</th><th>Product</th><th>Score</th><th>Sources</th><th>Reason</th></tr>"
        return format_html(
            '<table class="figures"><thead>{}</thead><tbody>{}</tbody></table>',
            mark_safe(head),
            format_html_join("", cells, rows),
        )


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ("queue", "beaten_at", "ago", "alive")

    @display(description="Ago")
    def ago(self, heartbeat: Heartbeat) -> str:
        seconds = (timezone.now() - heartbeat.beaten_at).total_seconds()
        return f"{seconds:.0f} s" if seconds < 120 else timesince(heartbeat.beaten_at)

    @display(description="Alive", boolean=True)
    def alive(self, heartbeat: Heartbeat) -> bool:
        """Beat asks every 10 s: three in a row missed means that nobody answers."""
        return (timezone.now() - heartbeat.beaten_at).total_seconds() < 30


def _link(name: str, row: Model | None) -> str:
    if row is None:
        return "–"
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{name}", args=[row.pk]), row)


def _reason(reason: Any) -> str:
    if isinstance(reason, dict):
        return str(reason.get("text") or reason.get("code") or "")
    return str(reason or "")
