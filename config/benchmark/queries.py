"""How many SQL statements a request takes."""

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def count_queries(path: str, token: str) -> int:
    """Of the second GET by that shopper, when the caches of a process are warm. Raises RuntimeError."""
    client = Client(headers={"authorization": f"Shopper {token}", "host": "localhost"})
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"GET {path}: {answer.status_code} {answer.content[:300]!r}")
    return len(captured)
