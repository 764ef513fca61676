"""`manage.py prune`: forget now what the settings do not keep; a worker does it every hour."""

from typing import Any

from django.core.management.base import BaseCommand

from smtpadmin import outbox
from smtpadmin.conf import conf


class Command(BaseCommand):
    help = "Remove messages and their texts that are older than the settings keep them. Workers do it by themselves."

    def handle(self, **_options: Any) -> None:
        removed = outbox.clean()
        self.stdout.write(
            f"{removed.messages} messages older than {conf.retention.days} days were removed, and the text of "
            f"{removed.bodies} messages that are over."
        )
