"""The shop's addresses, and one more: a view that does nothing."""

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


urlpatterns = [path("benchmark/empty", EmptyView.as_view()), *shop_urlpatterns]
