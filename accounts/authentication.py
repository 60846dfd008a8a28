"""How the REST API knows who is asking, and that a browser's request comes from the shop's own pages."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from accounts.identity import shopper_for
from accounts.models import Shopper, User

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What identified a request: ``scheme`` is session, shopper token, user token, cookie or none."""

    scheme: str
    is_service: bool = False
    """A user token of staff with the permission ``recs.add_interaction``: speaks for the shop's server."""


class ShopperAuthentication(authentication.BaseAuthentication):
    """Sets ``request.shopper`` (None for somebody unknown); ``request.auth`` is :class:`Credentials`.

    A session or a user token (``Authorization: Token …``) wins over a shopper token
    (``Authorization: Shopper …``), which wins over the cookie. A token that is not valid is refused, never
    taken for nobody. ``Authorization: Basic`` is left to proxies.
    """

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, Credentials]:
        plain: HttpRequest = request._request
        header = plain.headers.get("Authorization", "").strip()
        scheme = header.partition(" ")[0].lower()
        user_token = _user_of_token(request) if scheme == "token" else None
        if user_token:
            plain.user = user_token
        user = plain.user
        shopper = shopper_for(plain)
        if user_token:
            service = user_token.is_staff and user_token.has_perm("recs.add_interaction")
            credentials = Credentials("user token", is_service=service)
        elif user.is_authenticated:
            credentials = Credentials("session")
        elif scheme == "shopper":
            if shopper is None:
                raise exceptions.AuthenticationFailed(
                    "This shopper token is not known: POST /api/v1/shoppers gives a new one."
                )
            credentials = Credentials("shopper token")
        elif scheme not in ("", "basic"):
            raise exceptions.AuthenticationFailed(
                "Authorization must be 'Shopper <token>' or 'Token <token>', or be left out."
            )
        else:
            credentials = Credentials("cookie" if shopper else "none")
        if request.method not in SAFE_METHODS and credentials.scheme in ("session", "cookie", "none"):
            require_same_origin(plain)
        plain.shopper = shopper  # type: ignore[attr-defined]
        return user, credentials

    def authenticate_header(self, request: Request) -> str:
        return 'Shopper realm="shop"'


def require_same_origin(request: HttpRequest) -> None:
    """Refuses what a page of another site made this browser send; raises PermissionDenied.

    ``sendBeacon`` can set no header, so there is no CSRF token to check; but every browser says where an
    unsafe request comes from, in Origin, Sec-Fetch-Site or both. A client that sends neither is no browser.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return
    # The scheme is not compared: behind a proxy that ends TLS, the one that this process sees is another.
    same = site in (None, "same-origin", "none")
    if origin is not None:
        same = same and urlsplit(origin).netloc == request.get_host()
    if not same:
        raise exceptions.PermissionDenied(
            "A page of another site may not use a shopper's cookie or session here. "
            "Send 'Authorization: Shopper <token>', or add the site to CSRF_TRUSTED_ORIGINS."
        )


def credentials_of(request: Request) -> Credentials:
    credentials = request.auth
    assert isinstance(credentials, Credentials)
    return credentials


def shopper_of_request(request: Request) -> Shopper:
    """The shopper whose data is asked for; raises NotAuthenticated where there is none."""
    shopper: Shopper | None = request._request.shopper  # type: ignore[attr-defined]
    if shopper is None:
        raise exceptions.NotAuthenticated(
            "Nobody is known here: send the shop's cookie, a session or 'Authorization: Shopper <token>'."
        )
    return shopper


def _user_of_token(request: Request) -> User:
    try:
        user, _ = TokenAuthentication().authenticate(request)
    except (UnicodeDecodeError, ValueError) as failure:
        raise exceptions.AuthenticationFailed("Invalid token.") from failure
    return user


class ShopperSecurityScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.ShopperAuthentication"
    name = ["shopperToken", "shopperCookie", "userToken", "session"]

    def get_security_definition(self, auto_schema: object) -> list[dict[str, str]]:
        return [
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Shopper <token>`, the token of POST /api/v1/shoppers.",
            },
            {
                "type": "apiKey",
                "in": "cookie",
                "name": settings.SHOPPER_COOKIE_NAME,
                "description": "Signed, HttpOnly; set by the pages and by the first POST of a browser.",
            },
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Token <token>` of a person. One of staff with the permission to add "
                "interactions is a service token: it may record purchases and ratings, for any shopper.",
            },
            {
                "type": "apiKey",
                "in": "cookie",
                "name": settings.SESSION_COOKIE_NAME,
                "description": "A person signed in on the shop's pages.",
            },
        ]

    def get_security_requirement(self, auto_schema: object) -> list[dict[str, list[str]]]:
        """Any one of them, or none at all: the shop answers strangers too."""
        requirements: list[dict[str, list[str]]] = [{name: []} for name in self.name]
        return [*requirements, {}]
