"""Tokens of other programs: printed once, good for purchases, revoked at once."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from recs.engine.interactions import Kind
from recs.models import Interaction
from tests.factories import ProductFactory, ShopperFactory

pytestmark = pytest.mark.django_db
PURCHASE = {"id": "5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e", "kind": "purchase", "product": "22386", "value": 3}


def service_token(*arguments: str) -> str:
    output = StringIO()
    call_command("service_token", *arguments, stdout=output)
    return output.getvalue().strip()


def send(token: str, body: dict[str, object]) -> int:
    client = APIClient(headers={"Authorization": f"Token {token}"})
    return client.post("/api/v1/interactions", body, format="json").status_code


def test_a_service_records_the_purchase_of_a_shopper_until_its_token_is_revoked():
    ProductFactory(code="22386")
    body = PURCHASE | {"shopper": str(ShopperFactory().uuid)}
    first, second = service_token("till"), service_token("till")

    assert first != second
    assert [send(first, body), send(second, body)] == [201, 201]
    assert list(Interaction.objects.values_list("kind", "value")) == [(Kind.PURCHASE, 3.0)]
    assert service_token("till", "--revoke") == "2 tokens of till revoked"
    assert [send(first, body), send(second, body)] == [401, 401]


@pytest.mark.parametrize("name", ["", "Till", "a b", "x" * 41])
def test_a_name_that_is_no_name_is_refused(name: str):
    with pytest.raises(CommandError, match="small letters"):
        call_command("service_token", name)
