"""What the peers in Django share: settings, tables, messages."""

from typing import Any

import django
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.management import call_command

from benchmarks import workload
from benchmarks.peer import Task


def configure(task: Task, **more: Any) -> None:
    """Set Django up for one run."""
    settings.configure(
        SECRET_KEY="benchmark",  # noqa: S106  guards nothing
        DATABASES={"default": dict(task.database)} if task.database else {},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        EMAIL_HOST=task.smtp_host,
        EMAIL_PORT=task.smtp_port,
        DEFAULT_FROM_EMAIL=workload.SENDER,
        LOGGING={"version": 1, "disable_existing_loggers": False, "loggers": {"post_office": {"level": "WARNING"}}},
        **more,
    )
    django.setup()


def make_tables() -> None:
    call_command("migrate", verbosity=0)


def message(number: int) -> EmailMultiAlternatives:
    made = EmailMultiAlternatives(
        workload.subject(number), workload.TEXT, workload.SENDER, [workload.recipient(number)]
    )
    made.attach_alternative(workload.HTML, "text/html")
    return made


def messages(count: int) -> list[EmailMultiAlternatives]:
    return [message(number) for number in range(count)]
