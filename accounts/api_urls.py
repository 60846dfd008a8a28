"""Addresses of the shoppers' API, below /api/v1/."""

from django.urls import path
from django.views.decorators.cache import never_cache

from accounts.api import ExportView, HistoryEntryView, HistoryView, MeView, ShoppersView

urlpatterns = [
    path("shoppers", ShoppersView.as_view(), name="api-shoppers"),
    path("shoppers/me", never_cache(MeView.as_view()), name="api-me"),
    path("shoppers/me/history", never_cache(HistoryView.as_view()), name="api-history"),
    path("shoppers/me/history/<str:id>", HistoryEntryView.as_view(), name="api-history-entry"),
    path("shoppers/me/export", never_cache(ExportView.as_view()), name="api-export"),
]
