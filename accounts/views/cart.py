"""The basket's page, and the buttons that change it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.cart import NotPossible, add_to_cart, read_cart, remove_from_cart, set_quantity
from accounts.forms import CartLineForm
from accounts.identity import shopper_for
from accounts.models import Shopper
from accounts.views.answers import changed, known_shopper, never_stored, tell_stored
from catalog.models import Product


@never_stored
@require_safe
def cart(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/cart.html", {"cart": read_cart(shopper_for(request))})


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    shopper = known_shopper(request)
    form = CartLineForm(request.POST)
    product = _product(form)
    if product is None:
        return changed(request, shopper, _wrong(form), otherwise="accounts:cart", failed=True)
    quantity = form.cleaned_data["quantity"]
    try:
        add_to_cart(
            shopper=shopper,
            product=product,
            quantity=1 if quantity is None else quantity,
            recommendation=form.cleaned_data["recommendation"],
        )
    except NotPossible as refusal:
        return changed(request, shopper, str(refusal), otherwise="accounts:cart", failed=True)
    return changed(request, shopper, f"{product.name} is in your basket.", otherwise="accounts:cart")


@require_POST
def change(request: HttpRequest) -> HttpResponse:
    """Sets a line's quantity, or takes it out (``remove``, or 0)."""
    shopper = known_shopper(request)
    form = CartLineForm(request.POST)
    product = _product(form, also_hidden=True)
    if product is None:
        return _shown(request, shopper, _wrong(form))
    try:
        if "remove" in request.POST:
            remove_from_cart(shopper=shopper, product=product)
        elif form.cleaned_data["quantity"] is not None:
            set_quantity(shopper=shopper, product=product, quantity=form.cleaned_data["quantity"])
    except NotPossible as refusal:
        return _shown(request, shopper, str(refusal))
    return _shown(request, shopper)


def _shown(request: HttpRequest, shopper: Shopper, problem: str = "") -> HttpResponse:
    """The basket as it is now; without JavaScript, by a fresh page."""
    if not getattr(request, "htmx", False):
        if not problem:
            return redirect("accounts:cart")
        return changed(request, shopper, problem, otherwise="accounts:cart", failed=True)
    context = {"cart": read_cart(shopper), "note": problem, "failed": bool(problem)}
    response = render(request, "accounts/_cart_answer.html", context)
    tell_stored(response, shopper)
    return response


def _product(form: CartLineForm, *, also_hidden: bool = False) -> Product | None:
    if not form.is_valid():
        return None
    products = Product.objects.all() if also_hidden else Product.objects.filter(visible=True)
    return products.filter(code=form.cleaned_data["product"]).first()


def _wrong(form: CartLineForm) -> str:
    if "quantity" in form.errors:
        return "The quantity must be a whole number from 1 to 999."
    return "The shop does not have this product any more."
