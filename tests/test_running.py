"""The ways to deliver queued mail that docs/django.md describes: its own code is run."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import django
import pytest
from django.core.mail import send_mail
from django.core.management import get_commands

from smtpadmin.models import Message
from tests.support.backend import installed, profile_on
from tests.support.smtpd import SmtpServer, StartServer

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "django.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def through_our_backend() -> Iterator[None]:
    with installed():
        yield


@pytest.fixture
def server(smtp_server: StartServer) -> SmtpServer:
    server = smtp_server()
    profile_on(server)
    return server


@pytest.fixture
def documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import the page's code that is marked with a name, as a module of its own."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(name: str) -> ModuleType:
        found = re.search(rf"<!-- tests/test_running.py runs this: {name} -->\n```python\n(.*?)```", PAGE, re.DOTALL)
        assert found, f"docs/django.md has no code for {name}."
        (tmp_path / f"documented_{name}.py").write_text(found[1], encoding="utf-8")
        return importlib.import_module(f"documented_{name}")

    return load


def states() -> list[str]:
    return list(Message.objects.values_list("state", flat=True))


def test_the_celery_task_delivers_what_is_due(
    server: SmtpServer, documented: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What Celery adds around the function is Celery's; the function is ours.
    celery = ModuleType("celery")
    celery.shared_task = lambda **_options: lambda function: function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "celery", celery)
    tasks = documented("celery")
    send_mail("Hello", "Text", None, ["you@example.org"])

    tasks.deliver_mail()

    assert (len(server.messages), states()) == (1, ["sent"])
    (entry,) = tasks.CELERY_BEAT_SCHEDULE.values()
    assert entry["task"] == "shop.tasks.deliver_mail"


if django.VERSION >= (6, 0):

    def test_the_django_task_delivers_when_the_mail_is_committed(
        server: SmtpServer, documented: Callable[[str], ModuleType]
    ) -> None:
        tasks = documented("tasks")

        tasks.order_received("buyer@example.org")

        assert [received.recipients for received in server.messages] == [("buyer@example.org",)]
        assert states() == ["sent"]


def test_every_command_that_a_page_names_exists() -> None:
    pages: list[Any] = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("example/*.md")]
    named = {name for page in pages for name in re.findall(r"manage\.py ([a-z_]+)", page.read_text(encoding="utf-8"))}

    assert {"deliver", "prune"} <= named
    assert named - set(get_commands()) == set()
