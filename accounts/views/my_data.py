"""What the shop holds about its shopper, and their say over it."""

import uuid as uuids

from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.identity import forget, shopper_for, shopping_as
from accounts.models import Consent, Shopper
from accounts.privacy import consents_of, erase_shopper, export_shopper, set_consent
from accounts.views.answers import changed, known_shopper, never_stored
from recs.ingest.record import remove_interaction
from recs.models import Interaction

PAGE_SIZE = 25


@never_stored
@require_safe
def my_data(request: HttpRequest) -> HttpResponse:
    shopper = shopper_for(request)
    history = shopper.interactions if shopper else Interaction.objects.none()
    rows = history.select_related("product__category").order_by("-occurred_at", "-seq")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    personal = consents_of(shopper)[Consent.Purpose.PERSONALISATION] if shopper else True
    return render(request, "accounts/my_data.html", {"page": page, "personal": personal})


@require_POST
def consent(request: HttpRequest) -> HttpResponse:
    """``granted`` on or off for personalised feeds."""
    shopper = known_shopper(request)
    _require_own(request, "only they consent or refuse")
    granted = request.POST.get("granted") == "on"
    set_consent(shopper=shopper, purpose=Consent.Purpose.PERSONALISATION, granted=granted)
    text = "Personal feeds are on." if granted else "Personal feeds are off: you see what is popular and new."
    return changed(request, shopper, text, otherwise="accounts:my-data")


@require_POST
def remove(request: HttpRequest, uuid: uuids.UUID) -> HttpResponse:
    """Takes one interaction out of the history. One that is gone already is as good as removed."""
    shopper = shopper_for(request)
    if shopper is None:
        return redirect("accounts:my-data")
    remove_interaction(shopper=shopper, uuid=uuid)
    text = "Removed: your feed no longer knows of it."
    return changed(request, shopper, text, otherwise="accounts:my-data")


@never_stored
@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """Everything held, as one JSON document."""
    shopper = shopper_for(request)
    if shopper is None:
        messages.info(request, "Nothing is held about you yet.")
        return redirect("accounts:my-data")
    return StreamingHttpResponse(
        export_shopper(shopper),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="my-data-{shopper.uuid}.json"'},
    )


@never_stored
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest) -> HttpResponse:
    """Asks once more, then erases for good."""
    shopper = shopper_for(request)
    _require_own(request, "stop that first, or erase the customer in the admin")
    if request.method != "POST":
        return render(request, "accounts/erase.html")
    if request.POST.get("sure") != "on":
        return render(request, "accounts/erase.html", {"not_sure": True})
    if shopper:
        _erase(shopper)
    logout(request)
    messages.success(request, "Everything held about you is erased.")
    response = redirect("recs:home")
    forget(response)
    return response


def _erase(shopper: Shopper) -> None:
    try:
        erase_shopper(shopper=shopper)
    except Shopper.DoesNotExist:
        return  # by another request, meanwhile: what was asked for is done


def _require_own(request: HttpRequest, what: str) -> None:
    if shopping_as(request):
        raise PermissionDenied(f"You shop as a customer: {what}.")
