"""A shopper and what is held about them, by the REST API."""

import uuid as uuids
from contextlib import suppress

from django.contrib.auth import logout
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import credentials_of, shopper_of_request
from accounts.identity import create_token_shopper, forget, shopping_as
from accounts.models import Consent, Shopper
from accounts.privacy import consents_of, erase_shopper, export_shopper, set_consent
from catalog.api import PRODUCT_EXAMPLE, ProductSerializer
from config.problems import problems
from recs.ingest.record import remove_interaction
from recs.models import Interaction

SHOPPER_ID = "0b5e3c1d-6f2a-4e8b-9c7d-5a4b3c2d1e0f"
INTERACTION_ID = "5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e"
PROFILE_EXAMPLE = {
    "id": SHOPPER_ID,
    "seq": 17,
    "email": None,
    "created_at": "2026-11-01T08:00:00Z",
    "last_seen_at": "2026-11-24T09:30:00Z",
    "consent": {"personalisation": True},
}
HISTORY_EXAMPLE = {
    "id": INTERACTION_ID,
    "seq": 17,
    "kind": "view",
    "product": PRODUCT_EXAMPLE,
    "query": None,
    "value": None,
    "recommendation": None,
    "occurred_at": "2026-11-24T09:30:00Z",
}


def _example(name: str, value: object, status: str = "200") -> list[OpenApiExample]:
    return [OpenApiExample(name, value=value, response_only=True, status_codes=[status])]


class TokenSerializer(serializers.Serializer):
    id = serializers.UUIDField(help_text="The shopper.")
    token = serializers.CharField(help_text="Shown only now: send it as `Authorization: Shopper <token>`.")


class ShoppersView(APIView):
    @extend_schema(
        summary="Become a shopper, without cookies",
        description="For apps and servers. Takes no body.",
        request=None,
        responses={201: TokenSerializer, **problems(401, 403)},
        examples=_example(
            "A new shopper",
            {"id": SHOPPER_ID, "token": "yR0w3cJ8mTg5ZqkP2vXn7HdLs1BfUe9oAi4GtKxVbQM"},
            "201",
        ),
        tags=["shoppers"],
    )
    def post(self, request: Request) -> Response:
        shopper, token = create_token_shopper()
        return Response({"id": shopper.uuid, "token": token}, status=201)


class PlainBooleanField(serializers.BooleanField):
    """true or false: what a person agrees to is not guessed from "on" or 1."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class ConsentSerializer(serializers.Serializer):
    personalisation = PlainBooleanField(
        required=False, help_text="False: feeds ignore the history and show what is popular and new."
    )


class ProfileSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="uuid")
    seq = serializers.IntegerField(source="last_seq", help_text="Grows with every interaction.")
    email = serializers.EmailField(source="user.email", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(allow_null=True, help_text="To some minutes.")
    consent = serializers.SerializerMethodField()

    def get_consent(self, shopper: Shopper) -> ConsentSerializer:
        return consents_of(shopper)  # type: ignore[return-value]


class ConsentChangeSerializer(serializers.Serializer):
    consent = ConsentSerializer()


class MeView(APIView):
    @extend_schema(
        operation_id="shoppers_me_retrieve",
        summary="Who I am",
        responses={200: ProfileSerializer, **problems(401)},
        examples=_example("An anonymous shopper", PROFILE_EXAMPLE),
        tags=["shoppers"],
    )
    def get(self, request: Request) -> Response:
        return Response(ProfileSerializer(shopper_of_request(request)).data)

    @extend_schema(
        operation_id="shoppers_me_partial_update",
        summary="Grant or refuse personalised feeds",
        request=ConsentChangeSerializer,
        responses={200: ProfileSerializer, **problems(400, 401, 403, 413, 415)},
        examples=[
            OpenApiExample("Refuse", value={"consent": {"personalisation": False}}, request_only=True),
            *_example("Refused", PROFILE_EXAMPLE | {"consent": {"personalisation": False}}),
        ],
        tags=["shoppers"],
    )
    def patch(self, request: Request) -> Response:
        shopper = shopper_of_request(request)
        if shopping_as(request._request):
            raise exceptions.PermissionDenied("You shop as a customer: only they consent or refuse.")
        change = ConsentChangeSerializer(data=request.data)
        change.is_valid(raise_exception=True)
        for purpose, granted in change.validated_data["consent"].items():
            set_consent(shopper=shopper, purpose=Consent.Purpose(purpose), granted=granted)
        return Response(ProfileSerializer(shopper).data)

    @extend_schema(
        operation_id="shoppers_me_destroy",
        summary="Erase me",
        description="For good: interactions, vectors, served feeds, cart, and the account of somebody signed "
        "in. Token and cookie are dead afterwards. Orders stay for the books without name, e-mail and "
        "address. Staff cannot erase the customer that they shop as.",
        request=None,
        responses={204: None, **problems(401, 403)},
        tags=["shoppers"],
    )
    def delete(self, request: Request) -> Response:
        shopper = shopper_of_request(request)
        if shopping_as(request._request):
            raise exceptions.PermissionDenied(
                "You shop as a customer: stop that first, or erase the customer in the admin."
            )
        # Erased by another request meanwhile: what was asked for is done.
        with suppress(Shopper.DoesNotExist):
            erase_shopper(shopper=shopper)
        if credentials_of(request).scheme == "session":
            logout(request._request)
        response = Response(status=204)
        forget(response)
        return response


class HistorySerializer(serializers.Serializer):
    id = serializers.UUIDField(source="uuid")
    seq = serializers.IntegerField()
    kind = serializers.CharField(source="get_kind_display")
    product = ProductSerializer(allow_null=True)
    query = serializers.SerializerMethodField()
    value = serializers.FloatField(allow_null=True)
    recommendation = serializers.UUIDField(allow_null=True)
    occurred_at = serializers.DateTimeField()

    def get_query(self, interaction: Interaction) -> str | None:
        return interaction.query or None


class HistoryView(generics.ListAPIView):
    serializer_class = HistorySerializer

    @extend_schema(
        operation_id="shoppers_me_history_list",
        summary="What I did",
        description="Newest first, 24 a page.",
        responses={200: HistorySerializer(many=True), **problems(401, 404)},
        examples=_example("A view", HISTORY_EXAMPLE),
        tags=["shoppers"],
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Interaction]:
        interactions = shopper_of_request(self.request).interactions
        return interactions.select_related("product__category").order_by("-occurred_at", "-seq")


class HistoryEntryView(APIView):
    @extend_schema(
        operation_id="shoppers_me_history_destroy",
        summary="Take one interaction out of my history",
        description="Feeds no longer know of it: the sequence number grows.",
        parameters=[
            OpenApiParameter(
                "id",
                OpenApiTypes.UUID,
                OpenApiParameter.PATH,
                description="Of the interaction.",
                examples=[OpenApiExample("id", value=INTERACTION_ID)],
            )
        ],
        request=None,
        responses={204: None, **problems(401, 403, 404)},
        tags=["shoppers"],
    )
    def delete(self, request: Request, id: str) -> Response:
        shopper = shopper_of_request(request)
        try:
            removed = remove_interaction(shopper=shopper, uuid=uuids.UUID(id))
        except (ValueError, Shopper.DoesNotExist):
            removed = False
        if not removed:
            raise exceptions.NotFound("Your history has no such interaction.")
        return Response(status=204)


class ExportView(APIView):
    @extend_schema(
        operation_id="shoppers_me_export_retrieve",
        summary="Everything held about me",
        description="One JSON document: profile, interactions, served feeds, cart, orders, vectors.",
        responses={
            200: OpenApiResponse(
                OpenApiTypes.OBJECT,
                examples=[
                    OpenApiExample(
                        "Everything",
                        value={
                            "exported_at": "2026-11-24T09:30:00Z",
                            "shopper": PROFILE_EXAMPLE,
                            "interactions": [HISTORY_EXAMPLE | {"product": "22386"}],
                            "recommendations": [],
                            "cart": [],
                            "orders": [],
                            "vectors": [],
                        },
                    )
                ],
            ),
            **problems(401),
        },
        tags=["shoppers"],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        shopper = shopper_of_request(request)
        return StreamingHttpResponse(
            export_shopper(shopper),
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="shopper-{shopper.uuid}.json"'},
        )
