"""Every error of the API as ``application/problem+json`` (RFC 9457), and how the schema shows it."""

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views import defaults
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import exceptions, serializers
from rest_framework.response import Response

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
API_PREFIX = "/api/"
RETRY_AFTER = "3"
"""Seconds: a restart of Postgres takes about as long."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """``pointer`` is a JSON pointer (RFC 6901) into the request's body: "" is all of it.

    An error in the query names its parameter in the same way: ``/page``.
    """

    pointer: str
    detail: str


class InvalidRequest(exceptions.APIException):
    """400 that names every bad field, where a serializer would be too slow or too coarse."""

    status_code = 400
    default_code = "invalid"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(_summary(errors))
        self.errors = tuple(errors)


class TooLarge(exceptions.APIException):
    status_code = 413
    default_detail = "The body is too large: send smaller batches."
    default_code = "too_large"


class Unavailable(exceptions.APIException):
    status_code = 503
    default_detail = "The database does not answer at the moment: try again in a few seconds."
    default_code = "unavailable"


def problem_response(failure: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler. None for a bug: that goes on to ``server_error``."""
    if isinstance(failure, Http404):
        failure = exceptions.NotFound(str(failure) or None)
    elif isinstance(failure, PermissionDenied):
        failure = exceptions.PermissionDenied(str(failure) or None)
    elif isinstance(failure, RequestDataTooBig):
        failure = TooLarge()
    elif isinstance(failure, UnreadablePostError):
        failure = exceptions.ParseError("The body ended early.")
    elif isinstance(failure, OperationalError | InterfaceError):
        logger.error("database failed while answering the API: %s", failure)
        failure = Unavailable()
    if not isinstance(failure, exceptions.APIException):
        return None
    headers = {}
    if auth_header := getattr(failure, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(failure, "wait", None):
        headers["Retry-After"] = str(wait)
    if isinstance(failure, Unavailable):
        headers["Retry-After"] = RETRY_AFTER
    errors: tuple[FieldError, ...] = ()
    if isinstance(failure, InvalidRequest):
        errors = failure.errors
    elif isinstance(failure, exceptions.ValidationError):
        errors = tuple(_field_errors(failure.detail))
    elif isinstance(failure, exceptions.ParseError):
        errors = (FieldError("", str(failure.detail)),)
    detail = _summary(errors) if errors else str(failure.detail)
    body = problem(failure.status_code, detail, errors)
    return Response(body, status=failure.status_code, headers=headers, content_type=CONTENT_TYPE)


def problem(status: int, detail: str, errors: Sequence[FieldError] = (), **members: Any) -> dict[str, Any]:
    """The body. ``type`` is about:blank: the status says what kind of problem, ``errors`` which fields."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }
    if errors:
        body["errors"] = [asdict(error) for error in errors]
    return body


def pointer(*parts: str | int) -> str:
    """``pointer("interactions", 3, "kind")`` is ``/interactions/3/kind``."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


# --- Django's own errors: a problem below /api/, a page elsewhere ----------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _plain(400, "This request cannot be read.")
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _plain(403, "This is not allowed.")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _plain(404, f"There is nothing at {request.path}: see /api/docs for what there is.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 while the database is away, in a view or in a middleware; 500 for a bug."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    if _is_api(request):
        detail = str(Unavailable.default_detail) if away else "Something went wrong here; it has been logged."
        response: HttpResponse = _plain(503 if away else 500, detail)
    else:
        response = defaults.server_error(request, template_name="503.html" if away else "500.html")
    if away:
        response.status_code = Unavailable.status_code
        response["Retry-After"] = RETRY_AFTER
    return response


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(API_PREFIX)


def _plain(status: int, detail: str) -> JsonResponse:
    return JsonResponse(problem(status, detail), status=status, content_type=CONTENT_TYPE)


def _summary(errors: Sequence[FieldError]) -> str:
    if len(errors) == 1:
        where = errors[0].pointer
        return f"{where}: {errors[0].detail}" if where else errors[0].detail
    return f"{len(errors)} fields are not valid: see errors."


def _field_errors(detail: Any, *path: str | int) -> Iterator[FieldError]:
    """A serializer's nested errors as pointers."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _field_errors(value, *path, *(() if key == "non_field_errors" else (key,)))
    elif isinstance(detail, list | tuple):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list | tuple)
            yield from _field_errors(value, *path, *((index,) if nested else ()))
    else:
        yield FieldError(pointer(*path), str(detail))


# --- in the schema ---------------------------------------------------------------------------------------


class FieldErrorSerializer(serializers.Serializer):
    pointer = serializers.CharField(
        help_text="JSON pointer into the body; for a query parameter, its name after a slash.",
    )
    detail = serializers.CharField(help_text="What was expected there.")


class ProblemSerializer(serializers.Serializer):
    """RFC 9457."""

    type = serializers.CharField(help_text="about:blank: the status says it.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]


DESCRIPTIONS = {
    400: ("Fields are not valid.", FieldError("/kind", "must be one of view, click.")),
    401: ("Nobody is known, or the token is not valid.", None),
    403: ("Not allowed, or sent by a page of another site.", None),
    404: ("Not found, or somebody else's.", None),
    413: ("The body is too large.", None),
    415: ("The body is not application/json.", None),
}


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """Responses for ``extend_schema``: ``responses={200: …, **problems(400, 404)}``."""
    return {(status, CONTENT_TYPE): _documented(status) for status in statuses}


def _documented(status: int) -> OpenApiResponse:
    description, error = DESCRIPTIONS[status]
    errors = (error,) if error else ()
    example = problem(status, _summary(errors) if error else description, errors)
    return OpenApiResponse(
        ProblemSerializer,
        description=description,
        examples=[OpenApiExample(HTTPStatus(status).phrase, value=example, status_codes=[str(status)])],
    )
