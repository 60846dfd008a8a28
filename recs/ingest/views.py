"""What pages report that run no script: a picture of one dot, fetched with the page of a product."""

import base64

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.identity import is_known, remember, shopper_for
from accounts.models import Shopper
from catalog.models import Product
from recs.engine.interactions import Kind
from recs.ingest.record import NewInteraction, record_interactions

DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""A transparent GIF of one pixel."""


@require_GET
@never_cache
def seen(request: HttpRequest, code: str) -> HttpResponse:
    """Stores a view of the product; of a browser that keeps no cookie, which is mostly a robot, nothing."""
    if "\x00" in code:
        raise Http404
    product = get_object_or_404(Product.objects.filter(visible=True).only("pk"), code=code)
    # It writes, though it is a GET: another site's page must not be able to add to somebody's history.
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise PermissionDenied
    response = HttpResponse(DOT, content_type="image/gif")
    if is_known(request):
        shopper = shopper_for(request, create=True)
        assert shopper is not None
        try:
            view = NewInteraction(kind=Kind.VIEW, product_id=product.pk)
            record_interactions(shopper=shopper, interactions=[view])
        except (IntegrityError, Shopper.DoesNotExist) as failure:
            raise Http404("the product or the shopper was removed at this moment") from failure
        remember(response, shopper)
    return response
