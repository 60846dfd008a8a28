"""Lists in pages: ``{"count", "next", "previous", "results"}``."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """24 results a page; ``?page=2``. A page that does not exist is 404."""

    page_size = 24
    invalid_page_message = "There is no page {page_number}: count from 1."
