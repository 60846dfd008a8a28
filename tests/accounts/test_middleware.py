"""Which answers carry a newcomer's cookie."""

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse, JsonResponse
from django.test import RequestFactory

from accounts.middleware import GreetNewcomers


def greeted(response: HttpResponse, path: str = "/", method: str = "get") -> bool:
    request = getattr(RequestFactory(), method)(path)
    request.user = AnonymousUser()
    answer = GreetNewcomers(lambda request: response)(request)
    return settings.SHOPPER_COOKIE_NAME in answer.cookies


def test_the_first_page_greets():
    assert greeted(HttpResponse("page"))
    assert greeted(HttpResponse("page"), "/p/22386/jumbo-bag")


@pytest.mark.parametrize(
    ("response", "path", "method"),
    [
        (JsonResponse({}), "/healthz", "get"),
        (HttpResponse("page"), "/admin/login/", "get"),
        (HttpResponse("page"), "/api/docs", "get"),
        (HttpResponse("page"), "/", "post"),
        (HttpResponse("page", status=404), "/none", "get"),
        (HttpResponse(content_type="image/webp"), "/media/a.webp", "get"),
    ],
)
def test_nothing_else_does(response: HttpResponse, path: str, method: str):
    assert not greeted(response, path, method)
