"""Password reset by mail, and that it tells nobody which addresses have an account."""

import email
import email.policy
import importlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import urlsplit

import django
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import clear_url_caches, reverse
from pytest_django import Settings

from panel import background, password_reset
from panel.password_reset import Request
from smtpadmin.models import Allowance, Lane, Message
from smtpadmin.worker import deliver_due
from tests.panel.conftest import PASSWORD
from tests.support.profiles import make_profile
from tests.support.smtpd import SmtpServer, StartServer

ASK = "/password-reset/"
NEW_PASSWORD = "a much better one 1"


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Collect what would run in the background."""
    collected: list[Callable[[], None]] = []

    def collect(job: Callable[[], None]) -> bool:
        collected.append(job)
        return True

    monkeypatch.setattr(password_reset, "later", collect)
    return collected


def reset_mail(address: str, *, language: str = "en", is_secure: bool = False) -> EmailMultiAlternatives:
    password_reset.send_link(Request(email=address, host="panel.example.com", is_secure=is_secure, language=language))
    (message,) = mail.outbox
    assert isinstance(message, EmailMultiAlternatives)
    return message


@contextmanager
def reloaded_addresses() -> Iterator[None]:
    """Read the addresses anew, as at a start with the present settings; and again afterwards."""
    try:
        _reload_addresses()
        yield
    finally:
        settings.PASSWORD_RESET = True
        _reload_addresses()


def _reload_addresses() -> None:
    for module in ("panel.urls", "config.urls"):
        importlib.reload(importlib.import_module(module))
    clear_url_caches()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def test_known_and_unknown_addresses_get_the_same_answer_after_the_same_work(
    client: Client, alice: User, jobs: list[Callable[[], None]]
) -> None:
    def ask(address: str) -> tuple[int, str, bytes, list[str]]:
        with CaptureQueriesContext(connection) as captured:
            response = client.post(ASK, {"email": address})
        statements = [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in captured.captured_queries]
        return response.status_code, response.headers["Location"], response.content, statements

    ask("somebody@example.com")  # makes this client's counter, which the next ones only count up
    known, unknown = ask("alice@example.com"), ask("nobody@example.com")
    assert known == unknown
    assert known[:2] == (302, reverse("password_reset_done"))
    assert not any("auth_user" in statement for statement in known[3])
    assert len(jobs) == 3


def test_an_address_without_an_account_gets_no_mail(db: None) -> None:
    password_reset.send_link(
        Request(email="nobody@example.com", host="panel.example.com", is_secure=True, language="en")
    )
    assert mail.outbox == []


def test_the_mail_has_a_text_and_an_html_part_with_one_link(alice: User) -> None:
    message = reset_mail("alice@example.com", is_secure=True)
    (html,) = message.alternatives
    link = re.search(r"https://panel\.example\.com/password-reset/\S+", str(message.body))
    assert link
    assert (message.to, message.subject) == (["alice@example.com"], "Set a new password for panel.example.com")
    assert f'href="{link.group()}"' in html[0]
    assert "<style" not in html[0]
    assert "<img" not in html[0]


def test_the_mail_is_written_in_the_visitors_language(alice: User) -> None:
    message = reset_mail("alice@example.com", language="zh-hans")
    assert message.subject == "为 panel.example.com 设置新密码"
    assert "此链接只能使用一次" in str(message.body)
    assert 'lang="zh-hans"' in message.alternatives[0][0]


def test_a_name_with_markup_stays_text(alice: User) -> None:
    alice.username = "<b>alice</b>"
    alice.save()
    message = reset_mail("alice@example.com")
    assert "<b>alice" in str(message.body)
    assert "&lt;b&gt;alice" in message.alternatives[0][0]


def test_the_request_language_and_host_reach_the_mail(
    client: Client, alice: User, jobs: list[Callable[[], None]]
) -> None:
    client.post(ASK, {"email": "alice@example.com"}, headers={"accept-language": "zh-CN", "host": "localhost:8000"})
    jobs[0]()
    assert "http://localhost:8000/password-reset/" in str(mail.outbox[0].body)
    assert mail.outbox[0].subject == "为 localhost:8000 设置新密码"


def test_a_forged_host_name_sends_nothing(client: Client, alice: User, jobs: list[Callable[[], None]]) -> None:
    response = client.post(ASK, {"email": "alice@example.com"}, headers={"host": "evil.example"})
    assert (response.status_code, jobs) == (400, [])


def test_the_link_sets_a_new_password_once(client: Client, alice: User) -> None:
    path = urlsplit(re.findall(r"http\S+", str(reset_mail("alice@example.com").body))[0]).path
    form = client.get(path)
    assert form.status_code == 302
    assert "token" not in form.headers["Location"]
    page = client.get(form.headers["Location"])
    assert page.headers["Referrer-Policy"] == "same-origin"
    done = client.post(form.headers["Location"], {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    assert done.headers["Location"] == reverse("password_reset_complete")
    alice.refresh_from_db()
    assert alice.check_password(NEW_PASSWORD)
    assert "This link does not work" in Client().get(path).content.decode()


def test_too_many_requests_for_one_address_get_the_same_answer_and_no_mail(
    client: Client, alice: User, jobs: list[Callable[[], None]]
) -> None:
    answers = {
        (response.status_code, response.headers["Location"])
        for response in (
            client.post(ASK, {"email": address}, REMOTE_ADDR=f"192.0.2.{number}")
            for number, address in enumerate(["alice@example.com", "ALICE@example.com"] * password_reset.PER_ADDRESS)
        )
    }
    assert answers == {(302, reverse("password_reset_done"))}
    assert len(jobs) == password_reset.PER_ADDRESS


def test_too_many_requests_of_one_client_get_the_same_answer_and_no_mail(
    client: Client, db: None, jobs: list[Callable[[], None]]
) -> None:
    for number in range(password_reset.PER_CLIENT + 5):
        response = client.post(ASK, {"email": f"somebody{number}@example.com"})
        assert response.status_code == 302
    assert len(jobs) == password_reset.PER_CLIENT
    Allowance.objects.update(window_start=Allowance.objects.first().window_start - timedelta(hours=1))  # type: ignore[union-attr]
    client.post(ASK, {"email": "later@example.com"})
    assert len(jobs) == password_reset.PER_CLIENT + 1


def test_no_address_is_stored_for_the_limits(client: Client, db: None, jobs: list[Callable[[], None]]) -> None:
    client.post(ASK, {"email": "alice@example.com"})
    assert not any("alice" in scope for scope in Allowance.objects.values_list("scope", flat=True))


def test_a_failed_delivery_is_logged_without_the_link_and_not_shown(
    alice: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: object, **_kwargs: object) -> int:
        raise OSError("the server is away")

    monkeypatch.setattr(EmailMultiAlternatives, "send", fail)
    password_reset.send_link(
        Request(email="alice@example.com", host="panel.example.com", is_secure=True, language="en")
    )
    assert "the server is away" in caplog.text
    assert "password-reset/" not in caplog.text
    assert "alice@example.com" not in caplog.text


# In the background


def test_the_visitor_does_not_wait_for_the_mail(
    client: Client, transactional_db: None, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    answered = threading.Event()

    def send_after_the_answer(self: EmailMultiAlternatives, **_kwargs: object) -> int:
        if answered.wait(timeout=10):
            sent.append(self.subject)
        return 1

    monkeypatch.setattr(EmailMultiAlternatives, "send", send_after_the_answer)
    client.post(ASK, {"email": "alice@example.com"}, headers={"accept-language": "zh-CN"})
    answered.set()
    wait_for(lambda: sent)
    assert sent == ["为 testserver 设置新密码"]


def test_a_failing_job_is_logged_and_the_next_one_runs(
    transactional_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[int] = []
    background.later(lambda: ran.append(1 // 0))
    background.later(lambda: ran.append(2))
    wait_for(lambda: ran)
    assert ran == [2]
    assert "A background job failed." in caplog.text


def test_a_full_queue_drops_the_job_instead_of_growing(
    transactional_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[int] = []
    release = threading.Event()
    background.later(lambda: ran.extend([] if release.wait(timeout=10) else [0]))
    answers = [background.later(lambda: ran.append(1)) for _ in range(background.MAX_WAITING)]
    assert answers == [True] * (background.MAX_WAITING - 1) + [False]
    release.set()
    wait_for(lambda: ran == [1] * (background.MAX_WAITING - 1))
    assert "A job was dropped" in caplog.text


# Through the real backend


@pytest.fixture
def smtpadmin_backend(settings: Settings) -> None:
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": "smtpadmin.backend.EmailBackend"}}
    else:
        settings.EMAIL_BACKEND = "smtpadmin.backend.EmailBackend"


@pytest.fixture
def server(transactional_db: None, smtp_server: StartServer) -> SmtpServer:
    server = smtp_server()
    make_profile(
        host=server.host,
        port=server.port,
        security="none",
        username=server.username,
        password=server.password,
        from_address="panel@example.com",
        is_default=True,
    )
    return server


def test_forgot_password_works_end_to_end_through_the_default_profile(
    client: Client, server: SmtpServer, alice: User, smtpadmin_backend: None
) -> None:
    assert client.post(ASK, {"email": "alice@example.com"}).status_code == 302
    wait_for(Message.objects.exists)
    queued = Message.objects.get()
    assert queued.lane == Lane.URGENT
    # What arrives later than this is no use to anybody.
    worth_sending = (queued.expires_at - queued.created_at).total_seconds()
    assert worth_sending == pytest.approx(settings.PASSWORD_RESET_TIMEOUT - 300, abs=1)
    assert deliver_due() == 1
    (received,) = server.messages
    assert (received.sender, received.recipients) == ("panel@example.com", ("alice@example.com",))
    parsed = email.message_from_bytes(received.content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    text = parsed.get_body(("plain",))
    assert text
    path = urlsplit(re.findall(r"http\S+", text.get_content())[0]).path
    form = client.get(path).headers["Location"]
    client.post(form, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    login = {"username": "alice", "password": NEW_PASSWORD}
    assert client.post("/admin/login/", login).status_code == 302
    assert not Client().login(username="alice", password=PASSWORD)


def test_the_pages_say_how_long_a_link_lasts() -> None:
    assert settings.PASSWORD_RESET_TIMEOUT == 3600  # "for one hour", in two languages


def test_without_the_setting_there_are_no_pages_and_no_link(client: Client, db: None) -> None:
    settings.PASSWORD_RESET = False
    with reloaded_addresses():
        assert client.get(ASK).status_code == 404
        assert "Forgotten" not in client.get("/admin/login/").content.decode()
