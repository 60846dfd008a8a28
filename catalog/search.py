"""Full text over names and descriptions, by Postgres: stemmed English, best match first."""

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F

from catalog.models import Product, ProductQuerySet

QUERY_LENGTH = 200
"""Characters of a query that are read."""


def full_text(query: str) -> ProductQuerySet:
    """Products that match all words of the query, annotated with ``rank``, best first.

    Web-search syntax: quotes, OR, a minus before a word. Words that say nothing ("the") match nothing.
    Hidden products are included: the caller filters.
    """
    text = query.replace("\x00", " ")[:QUERY_LENGTH].encode("utf-8", "ignore").decode()
    terms = SearchQuery(text, config="english", search_type="websearch")
    return (
        Product.objects.filter(document=terms)
        .annotate(rank=SearchRank(F("document"), terms))
        .order_by("-rank", "name", "pk")
    )
