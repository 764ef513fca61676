"""Seals all that is stored anew with the newest key, so that an older one can be taken away."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smtpadmin import keys
from smtpadmin.exceptions import KeyringLocked


class Command(BaseCommand):
    help = "Seal stored passwords and waiting messages anew with the newest key. Safe to interrupt and to repeat."

    def handle(self, **_options: Any) -> None:
        try:
            count = keys.rotate()
        except KeyringLocked as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{count} sealed values now need the newest key only; older keys may be removed.")
