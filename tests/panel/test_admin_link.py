"""The link that logs an administrator in: made at the command line, used once by a press of a button."""

import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from panel import admin_link, first_run
from panel.middleware import POLICY
from panel.models import SetupLink
from tests.commands.conftest import run
from tests.config.conftest import environment, launching
from tests.support.manage import ROOT, command, manage

ANSWER = """\
Open this link to log in as alice:

  http://127.0.0.1:8000/login-link/{pk}/{token}/

It works once, within 15 minutes. A new link or a new password ends it.
"""
FIRST = """\
Open this link to create the administrator:

  http://127.0.0.1:8000/setup/{token}/

It works once, within 15 minutes. A new link, or a start of the panel, ends it.
"""
LINK = re.compile(r"https?://\S+")


def link_to(user: User) -> str:
    return reverse("link_login", args=[user.pk, admin_link.new_token(user)])


def logged_in(client: Client) -> str:
    """Return whose session the client has."""
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).username if pk else ""


def history(user: User) -> list[str]:
    entries = LogEntry.objects.filter(object_id=str(user.pk), content_type__model="user").order_by("pk")
    return [entry.get_change_message() for entry in entries]


# The command


def test_the_command_prints_a_link_for_the_only_administrator(alice: User, bob: User) -> None:
    ended = run("make_admin_link")
    token = ended.out.splitlines()[2].split("/")[-2]
    assert (ended.code, ended.out, ended.err) == (0, ANSWER.format(pk=alice.pk, token=token), "")
    assert admin_link.owner(alice.pk, token) == alice
    assert history(alice) == ["A one-time link to log in was made at the command line."]


@pytest.mark.django_db
def test_without_an_administrator_it_prints_the_link_that_makes_the_first() -> None:
    ended = run("make_admin_link")
    token = ended.out.splitlines()[2].split("/")[-2]
    assert (ended.code, ended.out) == (0, FIRST.format(token=token))
    assert first_run.is_valid(token)
    left = SetupLink.objects.get().expires_at - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "There are several administrators; name one of them: alice, grace."),
        (["bob"], "There is no administrator “bob”. There are: alice, grace."),
        (["heidi"], "There is no administrator “heidi”. There are: alice, grace."),
        (["alice", "--address", "mail.example.com"],
         "“mail.example.com” is no address of a page. Example: http://localhost:8000"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_ends_with_2_and_makes_no_link(
    alice: User, bob: User, words: list[str], said: str
) -> None:
    User.objects.create_superuser("grace")
    User.objects.create_superuser("heidi", is_active=False)
    ended = run("make_admin_link", *words)
    assert (ended.code, ended.out, ended.err, SetupLink.objects.count()) == (2, "", f"{said}\n", 0)


@pytest.mark.django_db
def test_a_name_where_there_is_no_administrator_is_a_mistake() -> None:
    said = "There is no administrator yet. Leave the name out to make the first.\n"
    ended = run("make_admin_link", "alice")
    assert (ended.code, ended.err) == (2, said)


@pytest.mark.parametrize(
    ("changes", "words", "start", "warnings"),
    [
        ({"HOST": "0.0.0.0", "PORT": 9000}, [], "http://127.0.0.1:9000/", []),
        ({"HOST": "::", "PORT": 9000, "ALLOWED_HOSTS": ["[::1]"]}, [], "http://[::1]:9000/", []),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.example.org", "https://mail.example.com"],
          "ALLOWED_HOSTS": ["mail.example.com"]}, [], "https://mail.example.com/", []),
        ({"CSRF_TRUSTED_ORIGINS": ["https://mail.example.com"]}, ["--address", "http://localhost:8000/"],
         "http://localhost:8000/login-link/", []),
        ({"ALLOWED_HOSTS": ["mail.example.com"]}, [], "http://127.0.0.1:8000/",
         ["The panel does not answer to 127.0.0.1: add it to ALLOWED_HOSTS and start the panel again."]),
        ({"SESSION_COOKIE_SECURE": True, "HOST": "192.0.2.7", "ALLOWED_HOSTS": ["192.0.2.7"]}, [],
         "http://192.0.2.7:8000/",
         ["HTTPS is on: over http, browsers can log in at http://localhost and http://127.0.0.1 only."]),
        ({"SESSION_COOKIE_SECURE": True}, ["--address", "http://localhost:8000"], "http://localhost:8000/", []),
        ({"PORT": 0}, [], "http://127.0.0.1:0/",
         ["PORT is 0: name the address that the start has printed with --address."]),
    ],
)  # fmt: skip
def test_the_address_is_the_public_one_or_where_it_listens_or_as_told(
    alice: User, changes: dict[str, Any], words: list[str], start: str, warnings: list[str]
) -> None:
    with override_settings(**changes):
        ended = run("make_admin_link", *words)
    link, _blank, _lifetime, *said = ended.out.splitlines()[2:]
    assert (ended.code, link.strip().startswith(start), said) == (0, True, warnings)


# The page


def test_a_press_of_the_button_logs_in_and_offers_a_new_password(client: Client, alice: User) -> None:
    response = client.post(link_to(alice), follow=True)
    page = response.content.decode()
    assert (response.redirect_chain, logged_in(client)) == ([(reverse("admin:index"), 302)], "alice")
    assert "You are logged in. If you have forgotten your password, " in page
    assert f'<a href="{reverse("admin:auth_user_password_change", args=[alice.pk])}">choose a new one</a>' in page
    assert history(alice) == ["Logged in with the one-time link from the command line."]


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_opening_the_link_does_not_use_it_up(client: Client, alice: User, method: str) -> None:
    link = link_to(alice)
    for _ in range(3):
        getattr(client, method)(link)
    assert (logged_in(client), history(alice)) == ("", [])
    assert client.post(link).status_code == 302


def test_the_page_asks_first(client: Client, alice: User) -> None:
    response = client.get(link_to(alice))
    page = response.content.decode()
    assert response.status_code == 200
    assert "Log in with a one-time link" in page
    assert "You log in as <strong>alice</strong>. The link then stops working." in page
    assert response.headers["Content-Security-Policy"] == POLICY
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Referrer-Policy"] == "same-origin"


def test_the_link_works_once(client: Client, alice: User) -> None:
    link = link_to(alice)
    assert client.post(link).status_code == 302
    another = Client()
    assert [another.get(link).status_code, another.post(link).status_code] == [404, 404]
    assert logged_in(another) == ""


def expire(_user: User) -> None:
    SetupLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def change_password(user: User) -> None:
    user.set_password("another horse 9")
    user.save()


def make_another(user: User) -> None:
    admin_link.new_token(user)


def switch_off(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def take_rights(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_superuser=False)


def delete(user: User) -> None:
    User.objects.filter(pk=user.pk).delete()


@pytest.mark.parametrize("end", [expire, change_password, make_another, switch_off, take_rights, delete])
def test_what_ends_a_link(client: Client, alice: User, end: Callable[[User], None]) -> None:
    link = link_to(alice)
    end(alice)
    wrong = client.get(reverse("link_login", args=[alice.pk or 1, "wrong"]))
    ended = client.get(link)
    assert (ended.status_code, client.post(link).status_code, logged_in(client)) == (404, 404, "")
    assert ended.content == wrong.content == client.get("/nowhere/").content


def test_a_link_logs_in_nobody_else(client: Client, alice: User, bob: User) -> None:
    token = admin_link.new_token(alice)
    grace = User.objects.create_superuser("grace", password="x")
    for user in (bob, grace):
        assert client.post(reverse("link_login", args=[user.pk, token])).status_code == 404
    assert client.get(reverse("setup", args=[token])).status_code == 404
    assert admin_link.owner(alice.pk, token) == alice


def test_a_set_up_link_is_no_link_to_log_in(alice: User) -> None:
    token = first_run.new_token()
    assert admin_link.owner(alice.pk, token) is None


def test_it_takes_the_place_of_somebody_else_s_session(client: Client, alice: User, bob: User) -> None:
    client.force_login(bob)
    client.post(link_to(alice))
    assert logged_in(client) == "alice"


def test_another_site_cannot_press_the_button(alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    link = link_to(alice)
    assert strict.post(link).status_code == 403
    page = strict.get(link).content.decode()
    field = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert field is not None
    assert strict.post(link, {"csrfmiddlewaretoken": field[1]}).status_code == 302


def test_the_database_does_not_hold_the_token(alice: User) -> None:
    token = admin_link.new_token(alice)
    stored = SetupLink.objects.get()
    assert token not in (stored.token_hash, str(stored))
    assert len(token) >= 43


def test_the_token_is_in_no_log(client: Client, alice: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    link = LINK.search(run("make_admin_link").out)
    assert link is not None
    path = urlsplit(link[0]).path
    client.get(path)
    client.post(path)
    client.get(path)
    assert "alice has logged in with a one-time link, from 127.0.0.1." in caplog.messages
    # Django's own line for the page that is gone holds the path; the log's filter hides it (tests/config/test_log.py).
    ours = [record.getMessage() for record in caplog.records if record.name != "django.request"]
    assert not any(path.split("/")[-2] in text for text in ours)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_press_at_once_one_is_logged_in() -> None:
    alice = User.objects.create_superuser("alice", password="x")
    token = admin_link.new_token(alice)

    def press(_number: int) -> str:
        try:
            return admin_link.use(alice.pk, token).username
        except admin_link.LinkUsed:
            return "late"
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(press, range(8)))
    assert outcomes == ["alice"] + ["late"] * 7


# As a person does


@pytest.mark.django_db(transaction=True)
def test_from_the_command_line() -> None:
    alice = User.objects.create_superuser("alice", password="x")
    ended = manage("make_admin_link", "alice")
    token = ended.out.splitlines()[2].split("/")[-2]
    assert (ended.code, ended.out, ended.err) == (0, ANSWER.format(pk=alice.pk, token=token), "")
    assert manage("make_admin_link", "bob").code == 2


def test_a_panel_that_runs_lets_the_administrator_in_by_link(tmp_path: Path) -> None:
    with launching() as start:
        panel = start(tmp_path)
        assert panel.link is not None
        browser = build_opener(HTTPCookieProcessor(CookieJar()))
        answers = {"username": "ada", "password1": "correct horse 9", "password2": "correct horse 9"}
        press(browser, panel.link, **answers)
        again = build_opener(HTTPCookieProcessor(CookieJar()))
        link = made(tmp_path, panel.address)
        assert "Log out" in press(again, link)
        made(tmp_path, panel.address)
        panel.stop()
        output = panel.output
    assert "ada has logged in with a one-time link, from 127.0.0.1." in output
    assert link.split("/")[-2] not in output


def made(folder: Path, address: str) -> str:
    """Return a new link for the panel in `folder`."""
    ran = subprocess.run(
        command("make_admin_link", "--address", address),
        cwd=ROOT,
        env=environment(folder, {}),
        capture_output=True,
        text=True,
        check=True,
    )
    link = LINK.search(ran.stdout)
    assert link is not None
    return link[0]


def press(browser: Any, page: str, **answers: str) -> str:
    """Open a page with a form, fill it in and press its button; return the page that follows."""
    with browser.open(page) as response:
        field = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', response.read().decode())
    assert field is not None
    data = urlencode({"csrfmiddlewaretoken": field[1], **answers}).encode()
    with browser.open(Request(page, data=data)) as response:
        return str(response.read().decode())
