"""Logging in, and the limits on guessing."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from panel import login
from smtpadmin.models import Allowance
from tests.panel.conftest import PASSWORD

LOGIN = "/admin/login/"
WRONG = "wrong"
THROTTLED = "Too many attempts to log in. Please wait five minutes, then try again."


def try_to_log_in(client: Client, username: str, password: str = WRONG, *, address: str = "192.0.2.1") -> HttpResponse:
    return client.post(LOGIN, {"username": username, "password": password}, REMOTE_ADDR=address)


def errors(response: HttpResponse) -> list[str]:
    return response.context["form"].non_field_errors()


@pytest.mark.django_db
def test_a_fresh_panel_says_where_the_first_account_comes_from(client: Client) -> None:
    hint = "Open the link that was printed when it started"
    assert hint in client.get(LOGIN).content.decode()
    User.objects.create_superuser("alice", password=PASSWORD)
    assert hint not in client.get(LOGIN).content.decode()


def test_the_right_password_leads_to_the_dashboard(client: Client, alice: User) -> None:
    response = try_to_log_in(client, "alice", PASSWORD)
    assert (response.status_code, response.headers["Location"]) == (302, reverse("admin:index"))


def test_a_client_that_guesses_is_refused_even_with_the_right_password(client: Client, alice: User) -> None:
    for number in range(login.PER_CLIENT):
        assert errors(try_to_log_in(client, f"somebody{number}")) != [THROTTLED]
    response = try_to_log_in(client, "alice", PASSWORD)
    assert (response.status_code, errors(response)) == (429, [THROTTLED])


def test_another_client_is_not_affected(client: Client, alice: User) -> None:
    for number in range(login.PER_CLIENT + 1):
        try_to_log_in(client, f"somebody{number}")
    assert try_to_log_in(client, "alice", PASSWORD, address="198.51.100.7").status_code == 302


@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_an_account_guessed_at_from_many_addresses_is_refused_alike_whether_it_exists(
    client: Client, alice: User, username: str
) -> None:
    for number in range(login.PER_ACCOUNT):
        assert errors(try_to_log_in(client, username, address=f"192.0.2.{number}")) != [THROTTLED]
    spellings = (username, username.upper())
    assert [errors(try_to_log_in(client, name, address="198.51.100.7")) for name in spellings] == [[THROTTLED]] * 2


def test_the_wait_ends_by_itself(client: Client, alice: User) -> None:
    for _ in range(login.PER_CLIENT + 1):
        try_to_log_in(client, "alice")
    for allowance in Allowance.objects.all():
        allowance.window_start -= timedelta(seconds=login.WINDOW_SECONDS)
        allowance.save()
    assert try_to_log_in(client, "alice", PASSWORD).status_code == 302


def test_a_password_typed_as_the_name_is_not_stored(client: Client, db: None) -> None:
    try_to_log_in(client, "my secret password", "x")
    assert not any("secret" in scope for scope in Allowance.objects.values_list("scope", flat=True))


def test_the_page_offers_both_languages_and_a_new_password(client: Client, db: None) -> None:
    page = client.get(LOGIN).content.decode()
    assert reverse("admin_password_reset") in page
    assert 'value="zh-hans"' in page
    assert "<h1>Log in</h1>" in page


def test_all_reasons_to_refuse_look_the_same(client: Client, alice: User) -> None:
    User.objects.create_user("dora", password=PASSWORD)
    User.objects.create_user("emil", password=PASSWORD, is_staff=True, is_active=False)
    answers = [
        try_to_log_in(client, *tried) for tried in (("alice",), ("nobody",), ("dora", PASSWORD), ("emil", PASSWORD))
    ]
    refusal = "Wrong username or password, or the account has no access."
    assert [errors(answer) for answer in answers] == [[refusal]] * 4
