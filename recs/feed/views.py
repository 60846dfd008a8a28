"""The pages that are feeds: home, search, and the fragment by which a page renews its feed."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.identity import shopper_for
from accounts.models import Shopper
from recs.feed.scenarios import Feed, serve_feed

HOME_COUNT = 24
ROW_COUNT = 8
SEARCH_COUNT = 48
LONGEST_QUERY = 200


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    shopper = shopper_for(request)
    feed = _home_feed(shopper)
    # A newcomer's feed is made of the same two: the rows go on where it ends.
    trending = serve_feed(scenario="trending", shopper=shopper, count=ROW_COUNT, beside=[feed])
    new = serve_feed(scenario="new", shopper=shopper, count=ROW_COUNT, beside=[feed, trending])
    return render(request, "recs/home.html", {"feed": feed, "trending": trending, "new": new})


@require_safe
@never_cache
def feed(request: HttpRequest, scenario: str) -> HttpResponse:
    """The fragment that htmx puts in the place of the one shown."""
    if scenario != "home":
        raise Http404
    return render(request, "feed/_feed.html", {"feed": _home_feed(shopper_for(request))})


@require_safe
@never_cache
def search(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\0", " ").strip()[:LONGEST_QUERY]
    shopper = shopper_for(request)
    found = None
    if query:
        found = serve_feed(scenario="search", shopper=shopper, query=query, count=SEARCH_COUNT)
    return render(request, "recs/search.html", {"query": query, "feed": found})


def _home_feed(shopper: Shopper | None) -> Feed:
    return serve_feed(scenario="home", shopper=shopper, count=HOME_COUNT)
