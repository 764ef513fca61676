"""django-mailer: its queue and its command, with its defaults."""

from django.core.mail import get_connection

from benchmarks import workload
from benchmarks.peer import Measured, Task, measured, measured_each
from benchmarks.peers import common


def start(task: Task) -> None:
    common.configure(task, INSTALLED_APPS=["mailer"], EMAIL_BACKEND="mailer.backend.DbBackend")


def fill(task: Task) -> Measured:
    common.make_tables()
    return enqueue_list(task)


def drain(task: Task) -> Measured:
    del task
    from mailer.engine import send_all
    from mailer.models import RESULT_SUCCESS, MessageLog

    def send() -> int:
        send_all()
        return int(MessageLog.objects.filter(result=RESULT_SUCCESS).count())

    return measured(send)


def enqueue_each(task: Task) -> Measured:
    from mailer import send_html_mail

    def send(number: int) -> None:
        to = [workload.recipient(number)]
        send_html_mail(workload.subject(number), workload.TEXT, workload.HTML, workload.SENDER, to)

    return measured_each(send, task.count)


def enqueue_list(task: Task) -> Measured:
    made = common.messages(task.count)
    return measured(lambda: int(get_connection().send_messages(made)))
