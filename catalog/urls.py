"""Addresses of the catalogue's pages."""

from django.urls import path

from catalog import views

app_name = "catalog"

urlpatterns = [
    path("c/<slug:slug>", views.category, name="category"),
    # A code may be anything that an import brought, slashes included; a slug never has one.
    path("p/<path:code>/<str:slug>", views.product, name="product"),
    path("p/<str:code>", views.product, name="product-by-code"),
]
