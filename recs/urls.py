"""Addresses of the pages that are feeds."""

from django.urls import path

from recs.feed import views

app_name = "recs"
urlpatterns = [
    path("", views.home, name="home"),
    path("search", views.search, name="search"),
    path("feed/<slug:scenario>", views.feed, name="feed"),
]
