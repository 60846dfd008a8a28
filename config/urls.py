"""Every address of the shop: pages, REST API and its documents, admin, health, metrics."""

from django.conf import settings
from django.contrib import admin
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.static import serve
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config import health

urlpatterns = [
    path("", include("recs.urls")),
    path("", include("catalog.urls")),
    path("", include("accounts.urls")),
    path("api/v1/", include("recs.api_urls")),
    path("api/v1/", include("catalog.api_urls")),
    path("api/v1/", include("accounts.api_urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("admin/", admin.site.urls),
    # Pages that name no icon, the API's documents and the admin's sign-in among them, make browsers ask here.
    path("favicon.ico", lambda request: redirect(static("favicon.svg"))),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("django_prometheus.urls")),
    # Pictures are few and small: the app serves them itself, so that one process is a whole shop. A proxy
    # in front may take over /media/ at any time.
    re_path(r"^media/(?P<path>.+)$", serve, {"document_root": settings.MEDIA_ROOT}),
]

# Problem details below /api/, templates 400.html to 500.html elsewhere.
handler400 = "config.problems.bad_request"
handler403 = "config.problems.permission_denied"
handler404 = "config.problems.not_found"
handler500 = "config.problems.server_error"
