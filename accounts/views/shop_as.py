"""Staff shop as any customer, to see the shop with their eyes."""

import uuid as uuids
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.identity import start_shopping_as, stop_shopping_as
from accounts.models import Shopper
from accounts.views.answers import never_stored
from recs.engine.interactions import Kind

PAGE_SIZE = 24


@never_stored
@require_http_methods(["GET", "HEAD", "POST"])
def shop_as(request: HttpRequest) -> HttpResponse:
    """GET finds a customer by number, or shows those who did most; POST ``shopper`` (a UUID) chooses one."""
    _require_staff(request)
    if request.method == "POST":
        return _choose(request)
    question = request.GET.get("q", "").replace("\x00", "").strip()[:64]
    customers = Shopper.objects.exclude(code=None).order_by("-last_seq", "code")
    if question:
        customers = customers.filter(code__startswith=question)
    page = Paginator(customers, PAGE_SIZE).get_page(request.GET.get("page"))
    # Counted for those on the page only: counting for all reads every interaction of the shop.
    purchases = dict(
        Shopper.objects.filter(pk__in=[customer.pk for customer in page])
        .annotate(purchases=Count("interactions", filter=Q(interactions__kind=int(Kind.PURCHASE))))
        .values_list("pk", "purchases")
    )
    rows = [(customer, purchases.get(customer.pk, 0)) for customer in page]
    context: dict[str, Any] = {"question": question, "page": page, "rows": rows}
    return render(request, "accounts/shop_as.html", context)


@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    _require_staff(request)
    stop_shopping_as(request)
    messages.success(request, "You are yourself again.")
    return redirect("recs:home")


def _choose(request: HttpRequest) -> HttpResponse:
    try:
        uuid = uuids.UUID(request.POST.get("shopper", ""))
    except ValueError:
        raise Http404("There is no such customer.") from None
    customer = Shopper.objects.filter(uuid=uuid).exclude(code=None).first()
    if customer is None:
        raise Http404("There is no such customer.")
    start_shopping_as(request, customer)
    return redirect("recs:home")


def _require_staff(request: HttpRequest) -> None:
    """To everybody else this page does not exist."""
    if not (request.user.is_authenticated and request.user.is_staff):
        raise Http404
