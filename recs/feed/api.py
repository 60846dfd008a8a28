"""Path 2 by the REST API: feeds, and other people's lists in the shopper's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.identity import shopper_for
from catalog.api import PRODUCT_EXAMPLE, ProductSerializer
from catalog.models import Product
from config.problems import FieldError, InvalidRequest, problems
from recs.feed.candidates import Stage
from recs.feed.explain import CODES as REASON_CODES
from recs.feed.scenarios import ABOUT_A_PRODUCT, SCENARIOS, Feed, FeedItem, rerank_products, serve_feed

COUNT_DEFAULT = 24
COUNT_MOST = 100
RERANK_MOST = 1_000
QUERY_LONGEST = 200
TRACED = 20
"""Products that a stage of the trace names; the numbers count all."""

REASON_EXAMPLE = {
    "code": "because_you_viewed",
    "text": "Because you looked at Lunch bag spaceboy design",
    "product": "22382",
}
ITEM_EXAMPLE = {"product": PRODUCT_EXAMPLE, "score": 0.87, "sources": ["nearest"], "reason": REASON_EXAMPLE}


class ReasonSerializer(serializers.Serializer):
    code = serializers.ChoiceField(
        REASON_CODES, help_text="`trending` or `new` where nothing is known of the shopper."
    )
    text = serializers.CharField(help_text="A sentence to show.")
    product = serializers.CharField(
        source="product.code", allow_null=True, default=None, help_text="Id of the product that it speaks of."
    )


class ItemSerializer(serializers.Serializer):
    product = ProductSerializer()
    score = serializers.FloatField(help_text="Comparable within one response only.")
    sources = serializers.ListField(child=serializers.CharField(), help_text="Who proposed the product.")
    reason = ReasonSerializer()


class FeedSerializer(serializers.Serializer):
    recommendation = serializers.UUIDField(
        allow_null=True, help_text="Send it along with the interactions that this feed leads to."
    )
    scenario = serializers.ChoiceField(SCENARIOS)
    model_version = serializers.CharField(allow_null=True, help_text="Null: no model is published yet.")
    seq = serializers.IntegerField(help_text="Newest interaction of the shopper that is taken into account.")
    items = ItemSerializer(many=True)
    trace = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="With `debug=1`: what each stage did."
    )


class RerankSerializer(serializers.Serializer):
    products = serializers.ListField(
        child=serializers.CharField(), min_length=1, max_length=RERANK_MOST, help_text="Ids of products."
    )


class RerankedSerializer(serializers.Serializer):
    items = ItemSerializer(many=True)
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Ids that no product of the shop has."
    )


class FeedView(APIView):
    @extend_schema(
        summary="A personalised feed",
        description="Purchasable products, each once, none that the shopper hid, in the order that suits them,"
        " with the reason for each. It takes into account every interaction acknowledged before.",
        parameters=[
            OpenApiParameter("scenario", enum=SCENARIOS, default="home"),
            OpenApiParameter("count", int, default=COUNT_DEFAULT, description=f"1 to {COUNT_MOST}."),
            OpenApiParameter("product", str, description="Needed by `similar` and `bought_together`."),
            OpenApiParameter("query", str, description="Needed by `search`."),
            OpenApiParameter("seen", enum=["0", "1"], default="0", description="1: products bought, too."),
            OpenApiParameter("debug", enum=["0", "1"], default="0", description="1: the trace, for staff."),
        ],
        responses={200: FeedSerializer, **problems(400, 403)},
        examples=[
            OpenApiExample(
                "A feed",
                value={
                    "recommendation": "0b5e3c1d-6f2a-4e8b-9c7d-5a4b3c2d1e0f",
                    "scenario": "home",
                    "model_version": "2026-11-24T02:00Z-3",
                    "seq": 17,
                    "items": [ITEM_EXAMPLE],
                },
                response_only=True,
                status_codes=["200"],
            )
        ],
        tags=["feeds"],
    )
    def get(self, request: Request) -> Response:
        asked = _asked(request)
        if asked["debug"] and not request.user.is_staff:
            raise exceptions.PermissionDenied("The trace is for staff: leave out debug, or sign in as staff.")
        feed = serve_feed(
            scenario=asked["scenario"],
            shopper=shopper_for(request._request),
            product=asked["product"],
            query=asked["query"],
            count=asked["count"],
            include_bought=asked["seen"],
        )
        serializer = FeedSerializer(feed)
        # In the schema, but written below: what is asked for by staff alone costs queries of its own.
        del serializer.fields["trace"]
        data = dict(serializer.data)
        if asked["debug"]:
            data["trace"] = _trace(feed)
        return Response(data, headers={"Cache-Control": "private, no-store"})


class RerankView(APIView):
    @extend_schema(
        summary="Products in the shopper's order",
        description="The same products, none lost, best for this shopper first. One that is named twice comes"
        " once; one that is not for sale or hidden comes along.",
        request=RerankSerializer,
        responses={200: RerankedSerializer, **problems(400, 415)},
        examples=[
            OpenApiExample("Products", value={"products": ["22386", "22382"]}, request_only=True),
            OpenApiExample(
                "Re-ranked",
                value={"items": [ITEM_EXAMPLE], "unknown": []},
                response_only=True,
                status_codes=["200"],
            ),
        ],
        tags=["feeds"],
    )
    def post(self, request: Request) -> Response:
        codes = _codes(request.data)
        found = Product.objects.with_codes(codes).in_bulk(field_name="code")
        known = [found[code] for code in codes if code in found]
        items: list[FeedItem] = (
            rerank_products(shopper=shopper_for(request._request), products=known) if known else []
        )
        unknown = [code for code in codes if code not in found]
        return Response(
            {"items": ItemSerializer(items, many=True).data, "unknown": unknown},
            headers={"Cache-Control": "private, no-store"},
        )


def _asked(request: Request) -> dict[str, Any]:
    """The query, every bad part named at once. Raises InvalidRequest."""
    query = request.query_params
    errors: list[FieldError] = []
    scenario = query.get("scenario", "home")
    if scenario not in SCENARIOS:
        errors.append(FieldError("/scenario", f"must be one of {', '.join(SCENARIOS)}."))
    count = query.get("count", str(COUNT_DEFAULT))
    if not (count.isascii() and count.isdigit() and len(count) <= 4 and 1 <= int(count) <= COUNT_MOST):
        errors.append(FieldError("/count", f"must be a whole number from 1 to {COUNT_MOST}."))
    flags = {}
    for name in ("seen", "debug"):
        flags[name] = query.get(name, "0") == "1"
        if query.get(name, "0") not in ("0", "1"):
            errors.append(FieldError(f"/{name}", "must be 0 or 1."))
    words = query.get("query", "").strip()
    if scenario == "search" and not words:
        errors.append(FieldError("/query", "is needed by the scenario search."))
    if len(words) > QUERY_LONGEST or "\0" in words:
        errors.append(
            FieldError("/query", f"must have at most {QUERY_LONGEST} characters and no null character.")
        )
    product = _product(query.get("product", ""), scenario, errors)
    if errors:
        raise InvalidRequest(errors)
    return {"scenario": scenario, "count": int(count), "query": words, "product": product, **flags}


def _product(code: str, scenario: str, errors: list[FieldError]) -> Product | None:
    if scenario not in ABOUT_A_PRODUCT:
        return None
    if not code:
        errors.append(FieldError("/product", f"is needed by the scenario {scenario}."))
        return None
    product = None if "\0" in code else Product.objects.filter(code=code, visible=True).first()
    if product is None:
        errors.append(FieldError("/product", f"There is no product {code[:64]!r}."))
    return product


def _codes(body: Any) -> list[str]:
    """Each code once, in the order given. Raises InvalidRequest."""
    if not isinstance(body, dict):
        raise InvalidRequest([FieldError("", 'must be an object {"products": [ids]}.')])
    unknown = [key for key in body if key != "products"]
    if unknown:
        raise InvalidRequest(
            [FieldError(f"/{key}"[:80], "is not known; expected products.") for key in unknown]
        )
    products = body.get("products")
    if not isinstance(products, list) or not 1 <= len(products) <= RERANK_MOST:
        raise InvalidRequest([FieldError("/products", f"must be a list of 1 to {RERANK_MOST} product ids.")])
    errors = [
        FieldError(f"/products/{place}", "must be a product id: a text of 1 to 64 characters.")
        for place, code in enumerate(products)
        if not isinstance(code, str) or not 1 <= len(code) <= 64 or "\0" in code
    ]
    if errors:
        raise InvalidRequest(errors)
    return list(dict.fromkeys(products))


def _trace(feed: Feed) -> list[dict[str, Any]]:
    """Stages with product ids in place of keys."""
    keys = {product_id for item in feed.items for product_id in item.contributions}
    for one in feed.trace.stages:
        keys |= {*one.proposed[:TRACED], *list(one.dropped)[:TRACED]}
    codes = dict(Product.objects.filter(pk__in=keys).values_list("pk", "code"))
    stages = [_stage(one, codes) for one in feed.trace.stages]
    for described in stages:
        if described["name"] == "contributions":
            described["contributions"] = {
                item.product.code: {
                    codes[key]: round(value, 5) for key, value in item.contributions.items() if key in codes
                }
                for item in feed.items
            }
    return stages


def _stage(one: Stage, codes: dict[int, str]) -> dict[str, Any]:
    def named(keys: Sequence[int]) -> list[str]:
        return [codes[key] for key in keys if key in codes]

    return {
        "kind": one.kind,
        "name": one.name,
        "milliseconds": round(one.milliseconds, 2),
        "in": one.incoming,
        "out": one.outgoing,
        "proposed": named(one.proposed[:TRACED]),
        "dropped": [
            {"product": codes[key], "why": why}
            for key, why in list(one.dropped.items())[:TRACED]
            if key in codes
        ],
        "error": one.error or None,
    }
