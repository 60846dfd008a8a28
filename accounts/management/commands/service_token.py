"""``manage.py service_token till``: prints a token with which the till records purchases and ratings."""

import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.service_tokens import create_service_token, revoke_service_tokens


class Command(BaseCommand):
    help = "Print a new token for a program that records purchases and ratings, or revoke all it has."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the program: small letters, digits and dashes")
        parser.add_argument("--revoke", action="store_true", help="make all its tokens invalid instead")

    def handle(self, *args: Any, name: str, revoke: bool, **options: Any) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name):
            raise CommandError("name: 1 to 40 small letters, digits and dashes are expected, such as 'till'")
        if revoke:
            count = revoke_service_tokens(name=name)
            self.stdout.write(f"{count} token{'' if count == 1 else 's'} of {name} revoked")
        else:
            self.stdout.write(create_service_token(name=name))
