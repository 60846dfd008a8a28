"""Addresses of the recommendations' API, below /api/v1/."""

from django.urls import path

from recs.feed.api import FeedView, RerankView
from recs.ingest.api import InteractionsView

urlpatterns = [
    path("interactions", InteractionsView.as_view(), name="api-interactions"),
    path("feed", FeedView.as_view(), name="api-feed"),
    path("rerank", RerankView.as_view(), name="api-rerank"),
]
