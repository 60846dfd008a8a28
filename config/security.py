"""What browsers may do with the shop's pages."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Everything comes from the shop itself, and no script or style stands inside a page."""
WITH_INLINE_SCRIPTS = ("/admin/", "/api/")
"""The admin's and Swagger's own pages have scripts and styles inside."""


class ContentSecurityPolicy:
    """Sends the policy with every page of the shop."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        if is_page and not request.path.startswith(WITH_INLINE_SCRIPTS):
            response.setdefault("Content-Security-Policy", POLICY)
        return response
