"""Path 1 begins here: what shoppers do arrives, alone or in batches."""

import uuid as uuids
from collections import defaultdict

from django.db import IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import credentials_of
from accounts.identity import remember, shopper_for
from accounts.models import Shopper
from config.problems import problems
from recs.ingest.entries import (
    BATCH_LIMIT,
    CODE_LENGTH,
    KINDS,
    QUERY_LENGTH,
    Entry,
    named_shoppers,
    parse_entries,
)
from recs.ingest.record import NewInteraction, Stored, record_interactions

VIEW_EXAMPLE = {
    "id": "5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e",
    "kind": "view",
    "product": "22386",
    "occurred_at": "2026-11-24T09:30:00Z",
    "value": None,
    "recommendation": None,
}
SEARCH_EXAMPLE = {"id": "d2a8f3c4-9f0b-4a57-8a0e-1b6f5f0c7e21", "kind": "search", "query": "lunch bag"}
RATING_EXAMPLE = {
    "id": "8c1f5d9a-7b3e-4d02-b6a1-2e9c0f4d8b37",
    "kind": "rating",
    "product": "22386",
    "value": 4,
    "shopper": "0b5e3c1d-6f2a-4e8b-9c7d-5a4b3c2d1e0f",
}


class InteractionSerializer(serializers.Serializer):
    """For the schema; bodies are read by recs/ingest/entries.py."""

    id = serializers.UUIDField(help_text="Made by the client. The same one sent again is stored once.")
    kind = serializers.ChoiceField(
        list(KINDS), help_text="`purchase` and `rating` only with a service token."
    )
    product = serializers.CharField(
        max_length=CODE_LENGTH,
        required=False,
        allow_null=True,
        help_text="Id of a product; every kind but `search` needs one.",
    )
    query = serializers.CharField(
        max_length=QUERY_LENGTH,
        required=False,
        allow_null=True,
        help_text="What was searched for; only of `search`.",
    )
    value = serializers.FloatField(
        required=False,
        allow_null=True,
        help_text="Stars of a `rating` (1 to 5), quantity of a `purchase` (1 if left out); else nothing.",
    )
    occurred_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="With its offset from UTC; at most 5 minutes ahead, any time back. Now, if left out.",
    )
    recommendation = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Id of the feed that led to it. One that was not served to this shopper is not kept.",
    )
    shopper = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Whose it is: needed with a service token, forbidden otherwise.",
    )


class InteractionBatchSerializer(serializers.Serializer):
    interactions = InteractionSerializer(many=True, help_text=f"1 to {BATCH_LIMIT:,}: all stored, or none.")
    shopper = serializers.UUIDField(
        required=False, allow_null=True, help_text="With a service token: whose they are."
    )


class StoredSerializer(serializers.Serializer):
    stored = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Entries whose id was known already.")
    seq = serializers.IntegerField(
        allow_null=True,
        help_text="The shopper's sequence number that includes all of it. "
        "Null where a service token sent interactions of several shoppers.",
    )


class InteractionsView(APIView):
    @extend_schema(
        operation_id="interactions_create",
        summary="Record what a shopper did",
        description="One interaction, or a batch of up to 1,000, which is stored whole or not at all. "
        "A browser without a cookie gets one, and is a new shopper. The next feed takes it into account.\n\n"
        "400 names every bad field of every entry. `purchase` and `rating` without a service token are such "
        "errors. Cookies and sessions count only from the shop's own pages (by Origin and Sec-Fetch-Site): "
        "403 otherwise.",
        request=PolymorphicProxySerializer(
            "InteractionOrBatch",
            [InteractionSerializer, InteractionBatchSerializer],
            resource_type_field_name=None,
        ),
        responses={201: StoredSerializer, **problems(400, 401, 403, 413, 415)},
        examples=[
            OpenApiExample("One", value=VIEW_EXAMPLE, request_only=True),
            OpenApiExample(
                "Batch", value={"interactions": [VIEW_EXAMPLE, SEARCH_EXAMPLE]}, request_only=True
            ),
            OpenApiExample("Rating, with a service token", value=RATING_EXAMPLE, request_only=True),
            OpenApiExample(
                "Stored",
                value={"stored": 1, "duplicates": 0, "seq": 17},
                response_only=True,
                status_codes=["201"],
            ),
        ],
        tags=["interactions"],
    )
    def post(self, request: Request) -> Response:
        try:
            shopper, stored = self._store(request)
        except IntegrityError:
            # A product was deleted between check and commit: the second check names it.
            shopper, stored = self._store(request)
        except Shopper.DoesNotExist as failure:
            raise exceptions.NotAuthenticated("This shopper has just been erased.") from failure
        response = Response(
            {"stored": stored.stored, "duplicates": stored.duplicates, "seq": stored.seq}, status=201
        )
        if credentials_of(request).scheme in ("none", "cookie"):
            remember(response, shopper)
        return response

    def _store(self, request: Request) -> tuple[Shopper | None, Stored]:
        is_service = credentials_of(request).is_service
        entries = parse_entries(request.data, now=timezone.now(), is_service=is_service)
        if is_service:
            return None, store_for_shoppers(entries)
        shopper = shopper_for(request, create=True)
        assert shopper is not None
        interactions = [entry.interaction for entry in entries]
        return shopper, record_interactions(shopper=shopper, interactions=interactions)


def store_for_shoppers(entries: list[Entry]) -> Stored:
    """Stores what a service token sent, all or nothing; ``seq`` is None where it is of several shoppers."""
    shoppers = named_shoppers(entries)
    batches: defaultdict[uuids.UUID, list[NewInteraction]] = defaultdict(list)
    for entry in entries:
        if entry.shopper:
            batches[entry.shopper].append(entry.interaction)
    with transaction.atomic():
        # Rows are locked in the order of their keys, as everywhere, so that two batches cannot deadlock.
        results = [
            record_interactions(shopper=shopper, interactions=batches[shopper.uuid])
            for shopper in sorted(shoppers.values(), key=lambda shopper: shopper.pk)
        ]
    return Stored(
        stored=sum(result.stored for result in results),
        duplicates=sum(result.duplicates for result in results),
        seq=results[0].seq if len(results) == 1 else None,
    )
