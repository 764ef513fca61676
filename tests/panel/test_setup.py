"""The first run's page."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from panel import first_run
from panel.models import SetupLink

ANSWERS = {
    "username": "alice",
    "email": "alice@example.com",
    "password1": "correct horse 9",
    "password2": "correct horse 9",
}


@pytest.fixture
def link(db: None) -> str:
    return reverse("setup", args=[first_run.new_token()])


def test_the_link_makes_an_administrator_logs_in_and_leads_to_the_first_profile(client: Client, link: str) -> None:
    response = client.post(link, ANSWERS)
    assert (response.status_code, response.headers["Location"]) == (302, reverse("admin:smtpadmin_profile_add"))
    user = User.objects.get()
    assert (user.username, user.email, user.is_superuser, user.is_staff) == ("alice", "alice@example.com", True, True)
    assert user.check_password(ANSWERS["password1"])
    assert client.get(reverse("admin:index")).status_code == 200


def test_the_address_may_be_left_out(client: Client, link: str) -> None:
    assert client.post(link, ANSWERS | {"email": ""}).status_code == 302
    assert User.objects.get().email == ""


def test_the_form_shows_what_a_password_must_be(client: Client, link: str) -> None:
    assert "at least 10 characters" in client.get(link).content.decode()


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"password1": "short", "password2": "short"}, "password2"),
        ({"password2": "something else"}, "password2"),
        ({"password1": "password123", "password2": "password123"}, "password2"),
        ({"username": ""}, "username"),
        ({"email": "not an address"}, "email"),
    ],
)
def test_wrong_answers_are_named_and_the_link_still_works(
    client: Client, link: str, answers: dict[str, str], field: str
) -> None:
    response = client.post(link, ANSWERS | answers)
    assert (response.status_code, list(response.context["form"].errors)) == (200, [field])
    assert client.post(link, ANSWERS).status_code == 302


def test_the_link_works_once(client: Client, link: str) -> None:
    client.post(link, ANSWERS)
    another = Client()
    assert [another.get(link).status_code, another.post(link, ANSWERS).status_code] == [404, 404]
    assert User.objects.count() == 1


def test_without_a_valid_link_there_is_no_page_and_no_reason(client: Client, link: str) -> None:
    wrong = client.get(reverse("setup", args=["wrong"]))
    SetupLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    expired = client.get(link)
    nowhere = client.get("/nowhere/")
    assert (wrong.status_code, expired.status_code) == (404, 404)
    assert wrong.content == expired.content == nowhere.content


def test_a_link_used_up_while_its_form_was_open_is_gone(
    client: Client, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(*_args: object, **_kwargs: object) -> None:
        raise first_run.LinkUsed

    monkeypatch.setattr(first_run, "create_administrator", used)
    assert client.post(link, ANSWERS).status_code == 404


def test_the_page_is_not_kept_and_its_address_not_passed_on(client: Client, link: str) -> None:
    headers = client.get(link).headers
    assert "no-store" in headers["Cache-Control"]
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_token_is_in_no_log(client: Client, link: str, caplog: pytest.LogCaptureFixture) -> None:
    token = link.split("/")[-2]
    client.get(link)
    client.post(link, ANSWERS | {"username": ""})
    client.post(link, ANSWERS)
    client.get(link)
    assert token not in caplog.text
