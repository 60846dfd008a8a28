"""Addresses of the pages that are feeds, and of what pages without scripts report to."""

from django.urls import path

from recs.feed import views
from recs.ingest.views import seen

app_name = "recs"
urlpatterns = [
    path("", views.home, name="home"),
    path("search", views.search, name="search"),
    path("feed/<slug:scenario>", views.feed, name="feed"),
    # As in the catalogue, a code may have slashes.
    path("seen/<path:code>", seen, name="seen"),
]
