"""Checkout, and what has been ordered."""

import uuid as uuids

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.cart import read_cart
from accounts.forms import CheckoutForm
from accounts.identity import shopper_for
from accounts.models import Order, Shopper
from accounts.orders import CartChanged, EmptyCart, place_order
from accounts.views.answers import never_stored

PAGE_SIZE = 20


@never_stored
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    shopper = shopper_for(request)
    if request.method == "POST" and shopper:
        return _ordered(request, shopper)
    cart = read_cart(shopper)
    if shopper is None or not cart.lines:
        messages.info(request, "Your basket is empty: there is nothing to order yet.")
        return redirect("accounts:cart")
    form = CheckoutForm(initial={**_known_address(shopper), "total": cart.total})
    return render(request, "accounts/checkout.html", {"form": form, "cart": cart})


@never_stored
@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    shopper = shopper_for(request)
    own = shopper.orders.prefetch_related("lines__product") if shopper else Order.objects.none()
    page = Paginator(own.order_by("-placed_at", "-pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "accounts/orders.html", {"page": page})


@never_stored
@require_safe
def order(request: HttpRequest, number: str) -> HttpResponse:
    """One's own order; everybody else's does not exist."""
    shopper = shopper_for(request)
    found = None
    if shopper and "\x00" not in number:
        found = shopper.orders.prefetch_related("lines__product").filter(number=number).first()
    if found is None:
        raise Http404("There is no such order here.")
    return render(request, "accounts/order.html", {"order": found})


def _ordered(request: HttpRequest, shopper: Shopper) -> HttpResponse:
    form = CheckoutForm(request.POST)
    if not form.is_valid():
        return _shown_again(request, shopper, form)
    given = form.cleaned_data
    try:
        placed = place_order(
            shopper=shopper,
            name=given["name"],
            email=given["email"],
            address=given["address"],
            token=given["token"],
            expected_total=given["total"],
        )
    except EmptyCart:
        messages.info(request, "Your basket is empty: there is nothing to order.")
        return redirect("accounts:cart")
    except CartChanged as change:
        if not change.problems:
            form.add_error(None, "Prices have changed since you looked. Please see the new total below.")
        else:
            form.add_error(None, "Some of it cannot be ordered as it is. Nothing is lost: see your basket.")
        return _shown_again(request, shopper, form)
    messages.success(request, "Thank you. Your order is placed.")
    return redirect(placed)


def _shown_again(request: HttpRequest, shopper: Shopper, form: CheckoutForm) -> HttpResponse:
    """With what was filled in, and the basket and total of now."""
    cart = read_cart(shopper)
    if not cart.lines:
        messages.info(request, "Your basket is empty: there is nothing to order.")
        return redirect("accounts:cart")
    filled_in = request.POST.copy()
    filled_in["total"] = str(cart.total)
    if "token" in form.errors:
        filled_in["token"] = str(uuids.uuid4())
    form.data = filled_in
    return render(request, "accounts/checkout.html", {"form": form, "cart": cart})


def _known_address(shopper: Shopper) -> dict[str, str]:
    """From the last order, else from the account."""
    last = shopper.orders.order_by("-placed_at").first()
    if last:
        return {"name": last.name, "email": last.email, "address": last.address}
    if shopper.user:
        return {"name": shopper.user.get_full_name(), "email": shopper.user.email}
    return {}
