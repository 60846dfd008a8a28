"""Tokens of other programs of the shop, which may record purchases and ratings of any shopper."""

from django.contrib.auth.models import Permission
from django.db import transaction
from knox.models import AuthToken

from accounts.models import User

DOMAIN = "service.invalid"
"""Services are users without a password; their addresses exist nowhere."""


@transaction.atomic
def create_service_token(*, name: str) -> str:
    """A further token of the service of that name, which is made on first use. Shown once, kept as a digest."""
    user, created = User.objects.get_or_create(
        username=f"service-{name}", defaults={"email": f"{name}@{DOMAIN}", "is_staff": True}
    )
    if created:
        user.set_unusable_password()
        user.save()
    user.user_permissions.add(
        Permission.objects.get(content_type__app_label="recs", codename="add_interaction")
    )
    return AuthToken.objects.create(user)[1]


@transaction.atomic
def revoke_service_tokens(*, name: str) -> int:
    """Every token of that service is dead; how many there were."""
    return AuthToken.objects.filter(user__username=f"service-{name}").delete()[0]
