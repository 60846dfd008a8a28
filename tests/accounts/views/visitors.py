"""Who comes to the pages."""

from django.test import Client

from accounts.models import Shopper
from tests.factories import ShopperFactory, UserFactory


def signed_in(client: Client) -> Shopper:
    user = UserFactory()
    client.force_login(user)
    return ShopperFactory(user=user)
