"""Addresses of the recommendations' API, below /api/v1/."""

from django.urls import path

from recs.ingest.api import InteractionsView

urlpatterns = [
    path("interactions", InteractionsView.as_view(), name="api-interactions"),
]
