"""Greets browsers that come for the first time."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from accounts.identity import greet

NOT_OF_THE_SHOP = ("/admin/", "/api/", "/media/", "/static/")


class GreetNewcomers:
    """Sends ``greet``'s cookie with the first page of the shop. Stands below the authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_page = response.status_code == 200 and response.get("Content-Type", "").startswith("text/html")
        if request.method == "GET" and is_page and not request.path.startswith(NOT_OF_THE_SHOP):
            greet(request, response)
        return response
