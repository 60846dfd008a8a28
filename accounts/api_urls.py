"""Addresses of the shoppers' API, below /api/v1/."""

from django.urls import path

from accounts.api import ExportView, HistoryEntryView, HistoryView, MeView, ShoppersView

urlpatterns = [
    path("shoppers", ShoppersView.as_view(), name="api-shoppers"),
    path("shoppers/me", MeView.as_view(), name="api-me"),
    path("shoppers/me/history", HistoryView.as_view(), name="api-history"),
    path("shoppers/me/history/<str:id>", HistoryEntryView.as_view(), name="api-history-entry"),
    path("shoppers/me/export", ExportView.as_view(), name="api-export"),
]
