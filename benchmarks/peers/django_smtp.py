"""Django's own SMTP backend, which has no queue: `drain` sends a list over one connection, or one for each message."""

from django.core.mail import get_connection

from benchmarks.peer import Measured, Task, measured
from benchmarks.peers import common

_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def start(task: Task) -> None:
    common.configure(task, EMAIL_BACKEND=_BACKEND)


def drain(task: Task) -> Measured:
    made = common.messages(task.count)
    if task.options.get("one_connection", True):
        return measured(lambda: int(get_connection(_BACKEND).send_messages(made)))
    return measured(lambda: sum(get_connection(_BACKEND).send_messages([each]) for each in made))
