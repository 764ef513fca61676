"""The way on when a key is lost: clears the stored passwords, and addresses of alerts, that the keys do not open."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smtpadmin import keys
from smtpadmin.exceptions import KeyringLocked


class Command(BaseCommand):
    help = "Clear, for good, the stored passwords that the present keys do not open. Each has to be typed again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, **options: Any) -> None:
        if not options["yes"]:
            answer = input("Passwords that the present keys do not open are lost for good after this. Type yes: ")
            if answer.strip() != "yes":
                raise CommandError("Nothing was changed.")
        try:
            count = keys.forget_unreadable()
        except KeyringLocked as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{count} passwords were cleared. Type them again in their profiles and alert channels.")
