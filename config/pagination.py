"""Lists in pages: ``{"count", "next", "previous", "results"}``."""

from django.core.paginator import Paginator
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request


class Pages(PageNumberPagination):
    """24 results a page; ``?page=2``. A page that does not exist is 404."""

    page_size = 24
    invalid_page_message = "There is no page {page_number!r:.20}: pages count from 1."

    def get_page_number(self, request: Request, paginator: Paginator) -> str:
        """As it was sent: an empty one or ``last`` is no page."""
        return request.query_params.get(self.page_query_param, "1")
