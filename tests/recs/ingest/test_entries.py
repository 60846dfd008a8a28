"""Reading entries: every bad field of every entry is named, whatever JSON came."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.problems import InvalidRequest
from recs.engine.interactions import Kind
from recs.ingest.entries import named_shoppers, parse_entries
from recs.ingest.record import NewInteraction
from tests.factories import ProductFactory, ShopperFactory

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ID = "5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e"


def search(**fields: Any) -> dict[str, Any]:
    """A valid entry that needs no product."""
    return {"id": ID, "kind": "search", "query": "lunch bag"} | fields


def errors_of(body: Any, *, is_service: bool = False) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        parse_entries(body, now=NOW, is_service=is_service)
    return {error.pointer: error.detail for error in caught.value.errors}


@pytest.mark.django_db
def test_a_view_is_read_with_its_product_and_time():
    product = ProductFactory(code="22386")
    body = {
        "id": ID,
        "kind": "view",
        "product": "22386",
        "occurred_at": "2026-11-24T10:00:00+01:00",
        "value": None,
        "recommendation": ID,
    }

    (entry,) = parse_entries(body, now=NOW, is_service=False)

    assert entry.shopper is None
    assert entry.interaction == NewInteraction(
        kind=Kind.VIEW,
        product_id=product.pk,
        recommendation=uuid.UUID(ID),
        occurred_at=datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
        uuid=uuid.UUID(ID),
    )


@pytest.mark.django_db
def test_errors_stand_in_the_order_of_the_entries():
    bad = {"id": ID, "kind": "view", "product": "none"}
    body = {"interactions": [bad if index % 2 else {"id": ID, "kind": "buy"} for index in range(12)]}

    indices = [int(pointer.split("/")[2]) for pointer in errors_of(body)]

    assert indices == sorted(indices)
    assert set(indices) == set(range(12))


def test_a_search_has_a_query_and_no_product():
    (entry,) = parse_entries(search(), now=NOW, is_service=False)

    assert (entry.interaction.kind, entry.interaction.query) == (Kind.SEARCH, "lunch bag")
    assert errors_of(search(product="22386")) == {"/product": "A search has a query instead: leave it out."}
    assert errors_of(search(query=" ")) == {"/query": "must be what was searched for."}


@pytest.mark.django_db
def test_every_bad_entry_of_a_batch_is_named_by_index_and_field():
    ProductFactory(code="22386")
    good = {"id": ID, "kind": "view", "product": "22386"}
    body = {
        "interactions": [
            good,
            good | {"kind": "buy"},
            "view",
            good | {"id": "1", "value": 3, "product": 22386},
            good | {"product": "no such"},
            {},
        ]
    }

    assert errors_of(body) == {
        "/interactions/1/kind": "must be one of view, click, cart_add, cart_remove, purchase, rating, like, "
        "hide, search.",
        "/interactions/2": "must be an object, not a string.",
        "/interactions/3/id": "must be a UUID, such as 5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e.",
        "/interactions/3/product": "must be a string, not a number.",
        "/interactions/3/value": "A view has none: only purchases and ratings do.",
        "/interactions/4/product": "There is no product 'no such'.",
        "/interactions/5/id": "must be a UUID, such as 5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e.",
        "/interactions/5/kind": "must be one of view, click, cart_add, cart_remove, purchase, rating, like, "
        "hide, search.",
        "/interactions/5/product": "must be the id of a product.",
    }


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (None, {"": 'must be an interaction or {"interactions": […]}, not null.'}),
        ([search()], {"": 'must be an interaction or {"interactions": […]}, not a list.'}),
        ({"interactions": {}}, {"/interactions": "must be a list, not an object."}),
        ({"interactions": []}, {"/interactions": "must hold at least one interaction."}),
        (
            {"interactions": [search()] * 1001},
            {"/interactions": "holds 1001 interactions; at most 1000 may come."},
        ),
        (
            {"interactions": [search()], "kind": "view"},
            {"/kind": "is not a field here: it belongs into the entries of interactions."},
        ),
    ],
)
def test_a_body_of_another_shape_is_refused(body: Any, errors: dict[str, str]):
    assert errors_of(body) == errors


def test_a_batch_of_a_thousand_is_taken():
    assert len(parse_entries({"interactions": [search()] * 1000}, now=NOW, is_service=False)) == 1000


@pytest.mark.parametrize(
    ("time", "detail"),
    [
        ("2026-11-24T09:35:01Z", "lies over 5 minutes ahead of 2026-11-24T09:30:00Z."),
        ("2026-11-24T09:30:00", "must end with its offset from UTC, such as Z or +01:00."),
        ("2026-11-24", "must end with its offset from UTC, such as Z or +01:00."),
        ("2026-13-24T09:30:00Z", "must be a time in ISO 8601, such as 2026-11-24T09:30:00Z."),
        ("0001-01-01T00:00:00+05:00", "must be a time in ISO 8601, such as 2026-11-24T09:30:00Z."),
        ("yesterday", "must be a time in ISO 8601, such as 2026-11-24T09:30:00Z."),
        (1732440600, "must be a time in ISO 8601, such as 2026-11-24T09:30:00Z."),
    ],
)
def test_a_time_that_is_naive_unreadable_or_too_far_ahead_is_refused(time: object, detail: str):
    assert errors_of(search(occurred_at=time)) == {"/occurred_at": detail}


@pytest.mark.parametrize("time", ["2026-11-24T09:35:00Z", "1987-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_may_lie_five_minutes_ahead_and_any_time_back(time: str):
    (entry,) = parse_entries(search(occurred_at=time), now=NOW, is_service=False)

    assert entry.interaction.occurred_at == datetime.fromisoformat(time)
    assert entry.interaction.occurred_at <= NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    "field",
    [
        {"query": "a\x00b"},
        {"query": "\ud800"},
        {"query": "x" * 201},
        {"query": 5},
        {"recommendation": "home"},
        {"recommendation": 5},
        {"value": 1},
        {"value": float("inf")},
        {"value": 10**400},
        {"occured_at": "2026-11-24T09:30:00Z"},
        {"shopper": ID},
        {"id": None},
        {"id": ID.replace("-", "")},
        {"kind": ["search"]},
    ],
)
def test_a_field_that_cannot_be_stored_is_named(field: dict[str, Any]):
    (key,) = field

    assert set(errors_of(search(**field))) == {f"/{key}"}


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["", "a\x00b", "\udfff", "x" * 65])
def test_a_product_that_cannot_exist_is_named_without_asking_postgres(code: str):
    body = {"id": ID, "kind": "view", "product": code}

    assert errors_of(body) == {"/product": "must be the id of a product, 1 to 64 characters."}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["purchase", "rating"])
def test_purchases_and_ratings_take_a_service_token(kind: str):
    ProductFactory(code="22386")
    body = {"id": ID, "kind": kind, "product": "22386", "value": 4}

    assert errors_of(body) == {
        "/kind": f"A {kind} is recorded by the shop's server: it takes a service token."
    }
    (entry,) = parse_entries(body | {"shopper": ID}, now=NOW, is_service=True)
    assert entry.interaction.value == 4.0
    assert entry.shopper == uuid.UUID(ID)


@pytest.mark.django_db
@pytest.mark.parametrize("value", [0, 0.5, 6, None, "4", True, float("nan")])
def test_a_rating_has_one_to_five_stars(value: object):
    ProductFactory(code="22386")
    body = {"id": ID, "kind": "rating", "product": "22386", "value": value, "shopper": ID}

    assert errors_of(body, is_service=True) == {
        "/value": "must be the stars of the rating, a number from 1 to 5."
    }


@pytest.mark.django_db
def test_a_purchase_without_a_quantity_is_of_one():
    ProductFactory(code="22386")
    body = {"id": ID, "kind": "purchase", "product": "22386", "shopper": ID}

    (entry,) = parse_entries(body, now=NOW, is_service=True)

    assert entry.interaction.value == 1.0


def test_a_service_names_the_shopper_in_each_entry_or_once():
    other = str(uuid.uuid4())
    body = {"shopper": ID, "interactions": [search(), search(shopper=other)]}

    entries = parse_entries(body, now=NOW, is_service=True)

    assert [str(entry.shopper) for entry in entries] == [ID, other]
    assert errors_of({"interactions": [search()]}, is_service=True) == {
        "/interactions/0/shopper": "A service token names the shopper, by UUID, here or once for all."
    }
    assert errors_of({"shopper": "me", "interactions": [search()]}, is_service=True) == {
        "/shopper": "must be a UUID, such as 5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e."
    }


@pytest.mark.django_db
def test_an_unknown_shopper_is_named_where_it_stands():
    known = ShopperFactory()
    body = {"shopper": ID, "interactions": [search(shopper=str(known.uuid)), search(), search(shopper=ID)]}
    entries = parse_entries(body, now=NOW, is_service=True)

    with pytest.raises(InvalidRequest) as caught:
        named_shoppers(entries)

    assert [error.pointer for error in caught.value.errors] == ["/shopper", "/interactions/2/shopper"]
    assert named_shoppers(entries[:1]) == {known.uuid: known}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.sampled_from(["search", "view", ID, {}, {"a": []}])
FIELDS = ("id", "kind", "query", "value", "occurred_at", "recommendation", "shopper")


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES), st.booleans())
def test_any_json_is_read_or_refused(body: dict[str, Any], is_service: bool):
    """Without products, so that no example needs the database."""
    try:
        entries = parse_entries({"interactions": [body]}, now=NOW, is_service=is_service)
    except InvalidRequest:
        return
    assert entries[0].interaction.kind == Kind.SEARCH
