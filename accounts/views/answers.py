"""How a change answers: to htmx with what has changed, to a browser without JavaScript with a page."""

import json
from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.identity import remember, shopper_for
from accounts.models import Shopper


def back_to_page(request: HttpRequest, *, otherwise: str) -> HttpResponse:
    """To the shop's page that the form stood on."""
    return redirect(_own_address(request.META.get("HTTP_REFERER", ""), request) or reverse(otherwise))


def next_page(request: HttpRequest, *, otherwise: str) -> str:
    """Where ``next`` leads, if that is an address of this shop."""
    given = request.POST.get("next") or request.GET.get("next") or ""
    return _own_address(given, request) or reverse(otherwise)


def changed(
    request: HttpRequest, shopper: Shopper, text: str, *, otherwise: str, failed: bool = False
) -> HttpResponse:
    """Says what became of a change. For htmx: a short note, the basket's number, and the shopper's sequence
    number, by which feeds on the page see that they are behind."""
    if not getattr(request, "htmx", False):
        if text:
            messages.add_message(request, messages.ERROR if failed else messages.SUCCESS, text)
        response = back_to_page(request, otherwise=otherwise)
    else:
        response = render(request, "shop/_changed.html", {"note": text, "failed": failed})
        tell_stored(response, shopper)
    remember(response, shopper)
    return response


def tell_stored(response: HttpResponse, shopper: Shopper) -> None:
    """What track.js tells every open page."""
    response["HX-Trigger"] = json.dumps({"interaction-stored": {"seq": shopper.last_seq}})


def known_shopper(request: HttpRequest) -> Shopper:
    """The shopper of this request, made if there is none yet."""
    shopper = shopper_for(request, create=True)
    assert shopper is not None
    return shopper


def never_stored(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Keeps a person's pages out of every cache; going back to one asks for it anew."""

    @wraps(view)
    def wrapped(*args: object, **kwargs: object) -> HttpResponseBase:
        response = view(*args, **kwargs)
        response.setdefault("Cache-Control", "private, no-store")
        return response

    return wrapped


def _own_address(address: str, request: HttpRequest) -> str:
    allowed = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    if not address or not allowed:
        return ""
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "") or "/"
