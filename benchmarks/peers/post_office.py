"""django-post_office: its queue and its command, with its defaults or with options that its manual names."""

import tempfile

from django.core.management import call_command

from benchmarks import workload
from benchmarks.peer import Measured, Task, measured, measured_each
from benchmarks.peers import common


def start(task: Task) -> None:
    # Its lock file is there; two runs must not wait for each other.
    tempfile.tempdir = task.folder
    settings = {"BATCH_SIZE": task.options["batch"]} if "batch" in task.options else {}
    common.configure(
        task,
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        EMAIL_BACKEND="post_office.EmailBackend",
        POST_OFFICE=settings,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    )


def fill(task: Task) -> Measured:
    common.make_tables()
    return enqueue_list(task)


def drain(task: Task) -> Measured:
    from post_office.models import STATUS, Email

    def send() -> int:
        call_command("send_queued_mail", processes=task.options.get("processes", 1), log_level=None)
        return int(Email.objects.filter(status=STATUS.sent).count())

    return measured(send)


def enqueue_each(task: Task) -> Measured:
    from post_office import mail

    return measured_each(lambda number: mail.send(**_mail(number)), task.count)


def enqueue_list(task: Task) -> Measured:
    from post_office import mail

    mails = [_mail(number) for number in range(task.count)]
    return measured(lambda: len(mail.send_many(mails)))


def _mail(number: int) -> dict[str, str]:
    return {
        "recipients": workload.recipient(number),
        "sender": workload.SENDER,
        "subject": workload.subject(number),
        "message": workload.TEXT,
        "html_message": workload.HTML,
    }
