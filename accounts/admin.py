"""Users, shoppers and orders in the admin."""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import Consent, Order, OrderLine, Shopper, User
from recs.models import Interaction, Recommendation


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "username", "first_name", "last_name", "is_staff", "is_active", "last_login")
    search_fields = ("email", "username", "first_name", "last_name")
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "email", "usable_password", "password1", "password2"),
            },
        ),
    )


class WhoseFilter(admin.SimpleListFilter):
    """People with an account, customers imported with a history, browsers without a name."""

    title = "who"
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("user", "Signed up"), ("imported", "Imported customer"), ("anonymous", "Anonymous")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Shopper]) -> QuerySet[Shopper]:
        match self.value():
            case "user":
                return queryset.filter(user__isnull=False)
            case "imported":
                return queryset.filter(code__isnull=False)
            case "anonymous":
                return queryset.filter(user__isnull=True, code__isnull=True)
        return queryset


class ConsentInline(TabularInline):
    model = Consent
    extra = 0
    hide_title = True
    fields = ("purpose", "granted", "changed_at")
    readonly_fields = ("purpose", "granted", "changed_at")
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Shopper)
class ShopperAdmin(ModelAdmin):
    list_display = ("display_name", "uuid", "interactions", "orders", "last_seen_at", "feed")
    list_filter = (WhoseFilter,)
    list_select_related = ("user",)
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("=code", "user__email", "user__username")
    search_help_text = "Customer number, UUID or e-mail address"
    ordering = ("-last_seq",)
    raw_id_fields = ("user",)
    fields = (
        "display_name",
        "uuid",
        "user",
        "code",
        "interactions",
        "orders",
        "last_seq",
        "last_seen_at",
        "feed",
    )
    readonly_fields = ("display_name", "uuid", "interactions", "orders", "last_seq", "last_seen_at", "feed")
    inlines = (ConsentInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Shopper]:
        """With counts by sub-query: Postgres then counts for the rows of the page alone."""
        return (
            super()
            .get_queryset(request)
            .annotate(interaction_count=_count(Interaction), order_count=_count(Order))
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Shopper], search_term: str
    ) -> tuple[QuerySet[Shopper], bool]:
        try:
            return queryset.filter(uuid=uuid.UUID(search_term.strip())), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counts what goes with a shopper instead of listing it; orders stay, without a shopper."""
        shoppers = list(objs)
        pks = [shopper.pk for shopper in shoppers]
        theirs = {
            "interactions": Interaction.objects.filter(shopper__in=pks).count(),
            "served feeds": Recommendation.objects.filter(shopper__in=pks).count(),
        }
        missing = set() if self.has_delete_permission(request) else {"shopper"}
        listed = [*map(str, shoppers), *(f"{size:,} {name}" for name, size in theirs.items())]
        return listed, {"shoppers": len(shoppers), **theirs}, missing, []

    @display(description="Shopper", ordering="code")
    def display_name(self, shopper: Shopper) -> str:
        return shopper.display_name

    @display(description="Interactions", ordering="last_seq")
    def interactions(self, shopper: Any) -> str:
        address = reverse("admin:recs_interaction_changelist")
        count = shopper.interaction_count
        return format_html('<a href="{}?shopper__id__exact={}">{}</a>', address, shopper.pk, count)

    @display(description="Orders")
    def orders(self, shopper: Any) -> int:
        return shopper.order_count

    @display(description="Feed")
    def feed(self, shopper: Shopper) -> str:
        address = reverse("admin:recs_shopper_feed")
        return format_html(
            '<a class="text-primary-600" href="{}?shopper={}">See the feed</a>', address, shopper.uuid
        )


class OrderLineInline(TabularInline):
    model = OrderLine
    extra = 0
    hide_title = True
    can_delete = False
    raw_id_fields = ("product",)
    fields = ("code", "name", "quantity", "unit_price", "line_total")
    readonly_fields = ("code", "name", "quantity", "unit_price", "line_total")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Total")
    def line_total(self, line: OrderLine) -> str:
        return str(line.total)


@admin.register(Order)
class OrderAdmin(ModelAdmin):
    """An order is a record: its status moves on, the rest stays as it was placed."""

    list_display = ("number", "state", "name", "email", "lines", "total", "currency", "placed_at")
    list_filter = ("status",)
    date_hierarchy = "placed_at"
    search_fields = ("number", "email", "name")
    actions = ("mark_shipped",)
    readonly_fields = ("number", "shopper", "name", "email", "address", "total", "currency", "placed_at")
    fieldsets = (
        (None, {"fields": (("number", "status"), ("placed_at", "shopper"))}),
        ("To", {"fields": (("name", "email"), "address")}),
        ("Sum", {"fields": (("total", "currency"),)}),
    )
    inlines = (OrderLineInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).annotate(line_count=Count("lines"))

    @admin.action(description="Mark as shipped", permissions=["change"])
    def mark_shipped(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        shipped = Order.objects.filter(pk__in=queryset.values("pk"), status=Order.Status.PLACED).update(
            status=Order.Status.SHIPPED
        )
        self.message_user(request, f"{shipped} marked as shipped.", messages.SUCCESS)

    @display(
        description="Status",
        ordering="status",
        label={"Placed": "info", "Shipped": "success", "Cancelled": "danger"},
    )
    def state(self, order: Order) -> str:
        return order.get_status_display()

    @display(description="Lines", ordering="line_count")
    def lines(self, order: Any) -> int:
        return order.line_count


def _count(model: type[Interaction] | type[Order]) -> Coalesce:
    """How many rows of that table a shopper has."""
    rows = (
        model._default_manager.filter(shopper=OuterRef("pk"))
        .order_by()
        .values("shopper")
        .annotate(size=Count("pk"))
        .values("size")
    )
    return Coalesce(Subquery(rows, output_field=IntegerField()), 0)
