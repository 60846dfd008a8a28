"""The catalogue's pages: a category, a product."""

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from catalog.models import Category, Product

of_one_shopper = cache_control(private=True, no_cache=True)
"""These pages show whose basket it is and what they like. The browser may keep one to go back to, nobody else may."""

PAGE_SIZE = 24
"""Products on a page: full rows in two, three, four and six columns."""


@dataclass(frozen=True, slots=True)
class Sort:
    name: str
    label: str
    order: tuple[str, ...]


SORTS = (
    Sort("popular", "Most popular", ("-popularity__total", "name", "pk")),
    Sort("newest", "Newest first", ("-created_at", "name", "pk")),
    Sort("price", "Price, low to high", ("price", "name", "pk")),
    Sort("price-down", "Price, high to low", ("-price", "name", "pk")),
    Sort("name", "Name, A to Z", ("name", "pk")),
)


@require_safe
@of_one_shopper
def category(request: HttpRequest, slug: str) -> HttpResponse:
    """What can be bought in a category; an unknown sort or page is the first one."""
    found = get_object_or_404(Category, slug=slug)
    sort = next((one for one in SORTS if one.name == request.GET.get("sort")), SORTS[0])
    products = Product.objects.purchasable().filter(category=found).select_related("category")
    page = Paginator(products.order_by(*sort.order), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "category": found,
        "page": page,
        "page_numbers": page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
        "sorts": SORTS,
        "sort": sort,
    }
    return render(request, "catalog/category.html", context)


@require_safe
@of_one_shopper
def product(request: HttpRequest, code: str, slug: str = "") -> HttpResponse:
    """One product, also one that is sold out; any slug but the product's own leads to the true address."""
    if "\x00" in code:
        raise Http404
    found = get_object_or_404(
        Product.objects.filter(visible=True).select_related("category").prefetch_related("images"), code=code
    )
    if slug != found.slug:
        query = request.META.get("QUERY_STRING", "")
        return redirect(found.get_absolute_url() + (f"?{query}" if query else ""), permanent=True)
    return render(request, "catalog/product.html", {"product": found})
