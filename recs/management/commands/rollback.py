"""Goes back to the model version that was active before."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recs.nightly.publish import CannotActivate, rollback


class Command(BaseCommand):
    help = "Activates the model version that was active before the present one; repeat it to return."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = rollback()
        except CannotActivate as reason:
            raise CommandError(str(reason)) from reason
        self.stdout.write(f"active: {version.name}")
