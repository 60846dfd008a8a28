"""Who is shopping: a person signed in, a browser known by its cookie, or a client with a token.

In this order: the customer that a member of staff shops as, the person signed in, the token, the cookie.
Cookies and tokens only ever name anonymous shoppers, so neither opens the account of somebody who signed
out on that machine.
"""

import hashlib
import secrets
import uuid as uuids
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from accounts.models import Cart, Consent, Order, Shopper, User
from recs.models import Recommendation

SHOP_AS_KEY = "shop_as"
"""Session key: the UUID of the shopper that this member of staff shops as."""
COOKIE_SALT = "accounts.shopper"
NEWCOMER_SALT = "accounts.newcomer"
"""Of a cookie that names a shopper to be: see ``greet``."""
LAST_SEEN_STEP = timedelta(minutes=5)
"""``last_seen_at`` is no finer than this: a click must not cost a second write."""


def shopper_for(request: HttpRequest, *, create: bool = False) -> Shopper | None:
    """The shopper of this request; with ``create`` never None.

    Costs one query per request, or none for a browser without a cookie. Whoever creates one sends it to
    the browser by ``remember``. An unknown, erased or forged cookie or token counts as none.
    """
    user = _user(request)
    shop_as = (
        request.session.get(SHOP_AS_KEY) if user and user.is_staff and hasattr(request, "session") else None
    )
    key = (user.pk if user else None, shop_as)
    known: tuple[object, Shopper | None] | None = getattr(request, "_known_shopper", None)
    shopper = known[1] if known and known[0] == key else None
    if known is None or known[0] != key:
        shopper = _find(request, user, shop_as)
    if shopper is None and create:
        shopper = shopper_of(user) if user else _create_anonymous(request)
    request._known_shopper = (key, shopper)  # type: ignore[attr-defined]
    return shopper


def shopper_of(user: User) -> Shopper:
    """The shopper that this person is, made on first use."""
    try:
        with transaction.atomic():
            shopper, _ = Shopper.objects.get_or_create(user=user)
    except IntegrityError:
        shopper = Shopper.objects.get(user=user)
    return shopper


def remember(response: HttpResponseBase, shopper: Shopper | None) -> None:
    """Lets the browser keep an anonymous shopper. Others are known by their session: then it does nothing."""
    if shopper is None or not _is_anonymous(shopper):
        return
    _set_cookie(response, shopper.uuid, COOKIE_SALT)


def greet(request: HttpRequest, response: HttpResponseBase) -> None:
    """Gives a browser without a cookie the id of the shopper that it becomes with its first interaction.

    Without it, two clicks that are under way at once, before the answer to the first, would make two
    shoppers, and half of what a newcomer did would be lost. No row is written: most newcomers are robots.
    """
    if not is_known(request) and settings.SHOPPER_COOKIE_NAME not in response.cookies:
        _set_cookie(response, uuids.uuid4(), NEWCOMER_SALT)


def is_known(request: HttpRequest) -> bool:
    """Whether somebody is signed in, or the browser sends a cookie of the shop, be it only ``greet``'s."""
    return bool(_user(request) or _cookie(request, COOKIE_SALT, NEWCOMER_SALT))


def forget(response: HttpResponseBase) -> None:
    """Takes the cookie from the browser."""
    response.delete_cookie(settings.SHOPPER_COOKIE_NAME, samesite="Lax")


def create_token_shopper() -> tuple[Shopper, str]:
    """A new anonymous shopper for a client without cookies, and the token, which is not kept anywhere."""
    token = secrets.token_urlsafe(32)
    return Shopper.objects.create(token_digest=token_digest(token), last_seen_at=timezone.now()), token


def shopper_token(request: HttpRequest) -> str | None:
    """What ``Authorization: Shopper …`` carries; None where there is no such header."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "shopper" else None


def token_digest(token: str) -> str:
    """SHA-256, plain: the token is 256 random bits, so there is nothing to guess."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def start_shopping_as(request: HttpRequest, shopper: Shopper) -> None:
    """From now on this member of staff shops as that customer. The caller checks who asks.

    What they do is stored as the customer's own doing: it is there to show and try a customer's shop.
    """
    request.session[SHOP_AS_KEY] = str(shopper.uuid)


def stop_shopping_as(request: HttpRequest) -> None:
    request.session.pop(SHOP_AS_KEY, None)


def shopping_as(request: HttpRequest) -> bool:
    """Whether this is a member of staff who shops as somebody else."""
    return _shop_as(request, _user(request)) is not None


def adopt_anonymous_history(*, anonymous: Shopper, shopper: Shopper) -> None:
    """Merges an anonymous shopper into the one who has just signed in; the anonymous one is gone after.

    Interactions (those with a known UUID are dropped), served feeds, orders and cart move over, quantities
    of one product add up, of two consents the refusal stays. Does nothing if the anonymous one is gone
    already, is the same, or is not anonymous. The worker is not woken: the page that follows a sign-in shows
    a feed, which encodes at once.
    """
    if anonymous.pk == shopper.pk or not _is_anonymous(anonymous):
        return
    with transaction.atomic():
        # Locked in the order of their keys, like every two shoppers, so that two merges cannot deadlock.
        locked = {
            row.pk: row
            for row in Shopper.objects.select_for_update()
            .filter(pk__in=[anonymous.pk, shopper.pk])
            .order_by("pk")
        }
        if len(locked) < 2 or locked[anonymous.pk].user_id is not None:
            return
        last_seq = _move_interactions(locked[anonymous.pk], locked[shopper.pk])
        Recommendation.objects.filter(shopper=anonymous).update(shopper=shopper)
        Order.objects.filter(shopper=anonymous).update(shopper=shopper)
        _merge_carts(anonymous, shopper)
        for consent in Consent.objects.filter(shopper=anonymous, granted=False):
            Consent.objects.update_or_create(
                shopper=shopper, purpose=consent.purpose, defaults={"granted": False}
            )
        locked[anonymous.pk].delete()
        Shopper.objects.filter(pk=shopper.pk).update(last_seq=last_seq)
    shopper.last_seq = last_seq


def _move_interactions(anonymous: Shopper, shopper: Shopper) -> int:
    """Returns the new ``last_seq``: above both old ones, so that no number acknowledged before is passed."""
    base = max(anonymous.last_seq, shopper.last_seq)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM recs_interaction moved USING recs_interaction known"
            " WHERE moved.shopper_id = %s AND known.shopper_id = %s AND moved.uuid = known.uuid",
            [anonymous.pk, shopper.pk],
        )
        cursor.execute(
            "UPDATE recs_interaction SET shopper_id = %s, seq = %s + numbered.number"
            " FROM (SELECT id, row_number() OVER (ORDER BY seq, id) AS number FROM recs_interaction"
            "       WHERE shopper_id = %s) numbered"
            " WHERE recs_interaction.id = numbered.id",
            [shopper.pk, base, anonymous.pk],
        )
        return base + cursor.rowcount


def _merge_carts(anonymous: Shopper, shopper: Shopper) -> None:
    if not Cart.objects.filter(shopper=anonymous).exists():
        return
    cart, _ = Cart.objects.get_or_create(shopper=shopper)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_cartline AS line (cart_id, product_id, quantity, recommendation)"
            " SELECT %s, moved.product_id, moved.quantity, moved.recommendation FROM accounts_cartline moved"
            " JOIN accounts_cart ON accounts_cart.id = moved.cart_id AND accounts_cart.shopper_id = %s"
            " ORDER BY moved.id"
            " ON CONFLICT (cart_id, product_id)"
            " DO UPDATE SET quantity = line.quantity + excluded.quantity,"
            "               recommendation = coalesce(line.recommendation, excluded.recommendation)",
            [cart.pk, anonymous.pk],
        )


def _find(request: HttpRequest, user: User | None, shop_as: str | None) -> Shopper | None:
    if shop_as:
        shopper = _with_uuid(shop_as).first()
        if shopper:
            return shopper
    if user:
        shopper = Shopper.objects.filter(user=user).first()
    elif shopper_token(request) is not None:
        shopper = _by_token(request)
    else:
        shopper = _by_cookie(request)
    if shopper:
        _touch(shopper)
    return shopper


def _by_token(request: HttpRequest) -> Shopper | None:
    token = shopper_token(request)
    return Shopper.objects.filter(token_digest=token_digest(token), user=None).first() if token else None


def _by_cookie(request: HttpRequest) -> Shopper | None:
    uuid = _cookie(request, COOKIE_SALT, NEWCOMER_SALT)
    return Shopper.objects.filter(uuid=uuid, user=None).first() if uuid else None


def _create_anonymous(request: HttpRequest) -> Shopper:
    newcomer = None if shopper_token(request) else _cookie(request, NEWCOMER_SALT)
    now = timezone.now()
    if newcomer:
        shopper, _ = Shopper.objects.get_or_create(uuid=newcomer, defaults={"last_seen_at": now})
        if _is_anonymous(shopper):
            return shopper
    return Shopper.objects.create(last_seen_at=now)


def _cookie(request: HttpRequest, *salts: str) -> uuids.UUID | None:
    """The id in the browser's cookie, if it was signed here with one of these salts."""
    cookie = request.COOKIES.get(settings.SHOPPER_COOKIE_NAME, "")
    for salt in salts:
        with suppress(signing.BadSignature, ValueError):
            return uuids.UUID(signing.Signer(salt=salt).unsign(cookie))
    return None


def _set_cookie(response: HttpResponseBase, uuid: uuids.UUID, salt: str) -> None:
    response.set_cookie(
        settings.SHOPPER_COOKIE_NAME,
        signing.Signer(salt=salt).sign(str(uuid)),
        max_age=settings.SHOPPER_COOKIE_SECONDS,
        httponly=True,
        secure=settings.HTTPS,
        samesite="Lax",
    )


def _touch(shopper: Shopper) -> None:
    now = timezone.now()
    if shopper.last_seen_at is None or shopper.last_seen_at < now - LAST_SEEN_STEP:
        Shopper.objects.filter(pk=shopper.pk).update(last_seen_at=now)
        shopper.last_seen_at = now


def _user(request: HttpRequest) -> User | None:
    user = getattr(request, "user", None)
    return user if isinstance(user, User) and user.is_active else None


def _shop_as(request: HttpRequest, user: User | None) -> str | None:
    if user is None or not user.is_staff or not hasattr(request, "session"):
        return None
    return request.session.get(SHOP_AS_KEY)


def _is_anonymous(shopper: Shopper) -> bool:
    return shopper.user_id is None and shopper.code is None


def _with_uuid(value: str) -> QuerySet[Shopper]:
    try:
        return Shopper.objects.filter(uuid=uuids.UUID(value))
    except ValueError:
        return Shopper.objects.none()
