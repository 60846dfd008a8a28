"""The schema says what the API does: random and example requests get the answers that it documents."""

import json
from collections.abc import Iterator

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from rest_framework.test import APIClient
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from accounts.identity import create_token_shopper
from config.wsgi import application
from tests.factories import CategoryFactory, InteractionFactory, ProductFactory

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
INTERACTION_OF_THE_EXAMPLES = "5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e"


# The application itself, without a server, so that all requests of a test share its transaction.
schema = schemathesis.openapi.from_wsgi("/api/schema?format=json", application)


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """Django would close the test's connection after each request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def shop_of_the_examples(one_connection: None) -> None:
    ProductFactory(code="22386", category=CategoryFactory(slug="bags"))
    ProductFactory(code="22382")


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_api_answers_as_its_schema_says(case: schemathesis.Case, shop_of_the_examples: None):
    shopper, token = create_token_shopper()
    InteractionFactory(shopper=shopper, product=None, kind=9, query="bag", uuid=INTERACTION_OF_THE_EXAMPLES)

    case.call_and_validate(headers={"Authorization": f"Shopper {token}"}, checks=CHECKS)


@pytest.mark.django_db
def test_the_schema_is_valid_and_complete(tmp_path):
    file = tmp_path / "schema.json"

    # Fails on what is not valid, and on every view that it can only guess at.
    call_command(
        "spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", "--file", str(file)
    )

    paths = json.loads(file.read_text())["paths"]
    assert paths.keys() >= {"/api/v1/interactions", "/api/v1/feed", "/api/v1/shoppers", "/api/v1/rerank"}


@pytest.mark.django_db
def test_the_documents_need_no_other_host():
    page = APIClient().get("/api/docs").content.decode()

    assert "swagger-ui" in page
    assert "http://" not in page.replace("http://testserver", "")
    assert "https://" not in page
