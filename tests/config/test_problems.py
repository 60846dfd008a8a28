"""Errors are problem details: one shape, whatever went wrong."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, UnreadablePostError
from django.test import RequestFactory
from rest_framework import exceptions
from rest_framework.test import APIClient

from config.problems import (
    CONTENT_TYPE,
    FieldError,
    InvalidRequest,
    bad_request,
    not_found,
    permission_denied,
    pointer,
    problem_response,
    server_error,
)


def test_a_pointer_escapes_what_json_pointers_do():
    assert pointer() == ""
    assert pointer("interactions", 3, "kind") == "/interactions/3/kind"
    assert pointer("a/b", "c~d") == "/a~1b/c~0d"


def test_the_errors_of_a_serializer_become_pointers():
    failure = exceptions.ValidationError(
        {
            "products": [{}, {"id": ["is not known."]}],
            "non_field_errors": ["too much."],
            "count": ["0 is less."],
        }
    )

    response = problem_response(failure, {})

    assert response.status_code == 400
    assert response.data == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "3 fields are not valid: see errors.",
        "errors": [
            {"pointer": "/products/1/id", "detail": "is not known."},
            {"pointer": "", "detail": "too much."},
            {"pointer": "/count", "detail": "0 is less."},
        ],
    }


def test_a_single_error_is_the_detail_itself():
    response = problem_response(InvalidRequest([FieldError("/kind", "must be view.")]), {})

    assert response.data["detail"] == "/kind: must be view."
    assert response.data["errors"] == [{"pointer": "/kind", "detail": "must be view."}]


@pytest.mark.parametrize(
    ("failure", "status", "headers"),
    [
        (Http404("no such"), 404, {}),
        (PermissionDenied("not yours"), 403, {}),
        (exceptions.MethodNotAllowed("PUT"), 405, {}),
        (exceptions.Throttled(wait=7.2), 429, {"Retry-After": "8"}),
        (exceptions.UnsupportedMediaType("text/plain"), 415, {}),
        (OperationalError("the server went away"), 503, {"Retry-After": "3"}),
        (UnreadablePostError("gone"), 400, {}),
    ],
)
def test_every_known_failure_is_a_problem(failure: Exception, status: int, headers: dict[str, str]):
    response = problem_response(failure, {})

    assert response.status_code == response.data["status"] == status
    assert response.content_type == CONTENT_TYPE
    assert response.data["detail"]
    assert response.headers.items() >= headers.items()


def test_a_bug_is_left_to_the_server_error_handler():
    assert problem_response(ZeroDivisionError(), {}) is None


def test_a_body_that_cannot_be_read_is_named_as_a_whole():
    response = problem_response(exceptions.ParseError("JSON parse error - no comma"), {})

    assert response.data["errors"] == [{"pointer": "", "detail": "JSON parse error - no comma"}]


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/", "/api/v1/products/", "/api/v2/feed"])
def test_an_unknown_address_below_api_is_a_problem(path: str, db: None):
    response = APIClient().get(path)

    assert response.status_code == 404
    assert response["Content-Type"] == CONTENT_TYPE
    assert response.json()["title"] == "Not Found"


def test_a_database_that_fails_in_a_middleware_is_unavailable_too():
    try:
        raise OperationalError("the server went away")
    except OperationalError:
        answers = [server_error(RequestFactory().get(path)) for path in ("/api/v1/feed", "/")]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert answers[1]["Content-Type"].startswith("text/html")


def test_the_last_resort_is_a_problem_below_api():
    request = RequestFactory().get("/api/v1/feed")

    answers = [
        bad_request(request, ValueError()),
        permission_denied(request, PermissionDenied()),
        not_found(request, Http404()),
        server_error(request),
    ]

    assert [answer.status_code for answer in answers] == [400, 403, 404, 500]
    assert {answer["Content-Type"] for answer in answers} == {CONTENT_TYPE}
