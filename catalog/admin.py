"""Products and categories in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog.models import Category, Product, ProductImage


class AvailabilityFilter(admin.SimpleListFilter):
    """What a shopper can buy now, and why not the rest."""

    title = "availability"
    parameter_name = "availability"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("available", "Available"), ("sold_out", "Sold out"), ("hidden", "Not visible")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        match self.value():
            case "available":
                return queryset.filter(visible=True, stock__gt=0)
            case "sold_out":
                return queryset.filter(stock=0)
            case "hidden":
                return queryset.filter(visible=False)
        return queryset


class ProductImageInline(TabularInline):
    model = ProductImage
    extra = 0
    hide_title = True
    fields = ("preview", "image", "alt", "position")
    readonly_fields = ("preview",)

    @display(description="Picture")
    def preview(self, image: ProductImage) -> str:
        return picture(image.image.url if image.image else "", 56)


class ProductForm(forms.ModelForm):
    class Meta:
        model = Product
        fields = (
            "code",
            "name",
            "description",
            "category",
            "price",
            "currency",
            "stock",
            "visible",
            "image",
            "attributes",
            "created_at",
        )
        widgets = {
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 5}),
            "attributes": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }

    def clean_attributes(self) -> dict[str, Any]:
        """An empty field means no attributes; anything but an object cannot be shown on the product page."""
        attributes = self.cleaned_data["attributes"]
        if attributes in (None, ""):
            return {}
        if not isinstance(attributes, dict):
            raise forms.ValidationError('Enter an object, for instance {"colour": "red"}.')
        return attributes


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    form = ProductForm
    list_display = (
        "thumbnail",
        "name",
        "code",
        "category",
        "amount",
        "stock",
        "visible",
        "created_at",
    )
    list_display_links = ("thumbnail", "name")
    list_editable = ("stock", "visible")
    list_filter = (AvailabilityFilter, "category")
    list_select_related = ("category",)
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("code", "name")
    search_help_text = "Code or name"
    ordering = ("name",)
    autocomplete_fields = ("category",)
    inlines = (ProductImageInline,)
    readonly_fields = ("slug", "preview", "updated_at")
    fieldsets = (
        (None, {"fields": ("name", "code", "description", "category", "attributes")}),
        ("Sale", {"fields": (("price", "currency"), ("stock", "visible"))}),
        ("Picture", {"fields": ("preview", "image")}),
        ("Dates and address", {"fields": ("created_at", "updated_at", "slug")}),
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A product is new now, unless somebody says otherwise."""
        return {
            "created_at": timezone.now().replace(microsecond=0),
            **super().get_changeform_initial_data(request),
        }

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counts what goes with a product, instead of listing thousands of interactions one by one.

        Interactions cannot be deleted by themselves in the admin, but they go with their product.
        """
        products = list(objs)
        interactions = sum(
            Product.objects.filter(pk__in=[product.pk for product in products])
            .annotate(size=Count("interactions"))
            .values_list("size", flat=True)
        )
        counts = {"products": len(products), "interactions with them": interactions}
        missing = set() if self.has_delete_permission(request) else {"product"}
        listed = [*map(str, products), f"{interactions:,} interactions with them"]
        return listed, counts, missing, []

    @display(description="")
    def thumbnail(self, product: Product) -> str:
        return picture(product.image.url if product.image else "", 40)

    @display(description="Price", ordering="price")
    def amount(self, product: Product) -> str:
        return f"{product.price} {product.currency}"

    @display(description="Shown as")
    def preview(self, product: Product) -> str:
        return picture(product.image.url if product.image else "", 128)


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    list_display = ("name", "slug", "products", "position")
    list_editable = ("position",)
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return super().get_queryset(request).annotate(product_count=Count("products"))

    @display(description="Products", ordering="product_count")
    def products(self, category: Any) -> int:
        return category.product_count


def picture(address: str, size: int) -> SafeString:
    """A square picture of that many pixels, or an empty square where there is none."""
    if not address:
        return format_html('<span class="picture" style="width:{0}px;height:{0}px"></span>', size)
    return format_html(
        '<img class="picture" src="{}" alt="" width="{}" height="{}" loading="lazy">', address, size, size
    )
