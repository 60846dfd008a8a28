"""Addresses of the catalogue's API, below /api/v1/."""

from django.urls import path

from catalog.api import ProductDetail, ProductList

urlpatterns = [
    path("products", ProductList.as_view(), name="api-products"),
    # A shop's own ids may hold a slash.
    path("products/<path:id>", ProductDetail.as_view(), name="api-product"),
]
