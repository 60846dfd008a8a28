"""What is held about a shopper: shown whole, and erased whole."""

import json
from collections.abc import Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Consent, Order, Shopper
from recs.models import Interaction, Recommendation

READ_AT_ONCE = 500
"""Rows in memory at a time: an export of 100,000 interactions is sent as it is read."""


def consents_of(shopper: Shopper) -> dict[str, bool]:
    """Every purpose; one that was never asked about counts as granted."""
    stored = dict(shopper.consents.values_list("purpose", "granted"))
    return {purpose.value: stored.get(purpose.value, True) for purpose in Consent.Purpose}


def set_consent(*, shopper: Shopper, purpose: Consent.Purpose, granted: bool) -> None:
    Consent.objects.update_or_create(shopper=shopper, purpose=purpose, defaults={"granted": granted})


def export_shopper(shopper: Shopper) -> Iterator[str]:
    """Everything held about the shopper, as one JSON document in pieces."""
    yield '{"exported_at": ' + _json(timezone.now())
    yield ', "shopper": ' + _json(_profile(shopper))
    parts = {
        "interactions": _interactions(shopper),
        "recommendations": _recommendations(shopper),
        "cart": _cart(shopper),
        "orders": _orders(shopper),
        "vectors": _vectors(shopper),
    }
    for name, rows in parts.items():
        yield f', "{name}": ['
        for number, row in enumerate(rows):
            yield (", " if number else "") + _json(row)
        yield "]"
    yield "}"


def erase_shopper(*, shopper: Shopper) -> None:
    """Removes the shopper for good: interactions, vectors, served feeds, cart, consents, account.

    Orders stay for the books, without the person: name, e-mail and address are blanked. The account of a
    member of staff stays, since it is not a shopper's; their shopping is removed.
    """
    with transaction.atomic():
        locked = Shopper.objects.select_for_update(of=("self",)).select_related("user").get(pk=shopper.pk)
        Order.objects.filter(shopper=locked).update(shopper=None, name="", email="", address="")
        user = locked.user
        locked.delete()
        if user and not user.is_staff:
            user.delete()


def _profile(shopper: Shopper) -> dict[str, Any]:
    user = shopper.user
    return {
        "id": shopper.uuid,
        "code": shopper.code,
        "seq": shopper.last_seq,
        "created_at": shopper.created_at,
        "last_seen_at": shopper.last_seen_at,
        "account": user
        and {
            "email": user.email,
            "username": user.username,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "joined_at": user.date_joined,
            "last_login": user.last_login,
        },
        "consent": consents_of(shopper),
    }


def _interactions(shopper: Shopper) -> Iterator[dict[str, Any]]:
    kinds = dict(Interaction.KINDS)
    rows = shopper.interactions.order_by("seq", "pk").values(
        "uuid", "seq", "kind", "product__code", "value", "query", "recommendation", "occurred_at", "stored_at"
    )
    for row in rows.iterator(READ_AT_ONCE):
        yield {
            "id": row["uuid"],
            "seq": row["seq"],
            "kind": kinds[row["kind"]],
            "product": row["product__code"],
            "value": row["value"],
            "query": row["query"] or None,
            "recommendation": row["recommendation"],
            "occurred_at": row["occurred_at"],
            "stored_at": row["stored_at"],
        }


def _recommendations(shopper: Shopper) -> Iterator[dict[str, Any]]:
    rows = Recommendation.objects.filter(shopper=shopper).order_by("served_at", "pk")
    for row in rows.values(
        "uuid", "scenario", "product__code", "version__name", "seq", "items", "served_at"
    ).iterator(READ_AT_ONCE):
        yield {
            "id": row["uuid"],
            "scenario": row["scenario"],
            "product": row["product__code"],
            "model_version": row["version__name"],
            "seq": row["seq"],
            "items": row["items"],
            "served_at": row["served_at"],
        }


def _cart(shopper: Shopper) -> list[dict[str, Any]]:
    cart = getattr(shopper, "cart", None)
    lines = cart.lines.select_related("product") if cart else []
    return [
        {"product": line.product.code, "quantity": line.quantity, "recommendation": line.recommendation}
        for line in lines
    ]


def _orders(shopper: Shopper) -> Iterator[dict[str, Any]]:
    for order in shopper.orders.prefetch_related("lines").order_by("placed_at"):
        yield {
            "number": order.number,
            "status": order.status,
            "placed_at": order.placed_at,
            "name": order.name,
            "email": order.email,
            "address": order.address,
            "total": order.total,
            "currency": order.currency,
            "lines": [
                {
                    "product": line.code,
                    "name": line.name,
                    "quantity": line.quantity,
                    "unit_price": line.unit_price,
                }
                for line in order.lines.all()
            ],
        }


def _vectors(shopper: Shopper) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version.name, held.seq, held.updated_at, held.vector::text FROM recs_shoppervector held"
            " JOIN recs_modelversion version ON version.id = held.version_id WHERE held.shopper_id = %s"
            " ORDER BY version.id",
            [shopper.pk],
        )
        return [
            {"model_version": name, "seq": seq, "updated_at": updated_at, "vector": json.loads(vector)}
            for name, seq, updated_at, vector in cursor.fetchall()
        ]


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
