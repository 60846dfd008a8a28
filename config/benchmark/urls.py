"""The shop's addresses, and two more: a view of the API and a page that do nothing."""

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.urls import urlpatterns as shop_urlpatterns


class EmptyView(APIView):
    """What the server, the middleware and the framework cost by themselves."""

    authentication_classes = ()
    schema = None

    def get(self, request: Request) -> Response:
        return Response({})


def empty_page(request: HttpRequest) -> HttpResponse:
    """The same for a page: a template with nothing in it."""
    return HttpResponse(engines["django"].from_string("<!doctype html>").render())


urlpatterns = [
    path("benchmark/empty", EmptyView.as_view()),
    path("benchmark/page", empty_page),
    *shop_urlpatterns,
]
