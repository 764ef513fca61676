"""The check while the form is being filled in: the rules of saving, without the secret and without saving."""

import pytest
from django.test import Client

from smtpadmin.models import Profile
from tests.admin.forms import page, values

pytestmark = pytest.mark.django_db

CHECK = "/admin/smtpadmin/profile/check/"


def notes(client: Client, **data: str) -> list[tuple[str, bool, str]]:
    response = client.post(CHECK, data)
    return [(note["field"], note["blocks"], note["text"]) for note in response.json()["notes"]]


def test_a_good_form_gets_no_notes_and_the_missing_secret_is_not_one(admin: Client) -> None:
    assert notes(admin, address="a@qq.com") == []


def test_the_from_rule_is_said_while_typing(admin: Client) -> None:
    ((field, blocks, text),) = notes(admin, address="shop@example.com", provider="qq", username="me@qq.com")
    assert (field, blocks) == ("address", True)
    assert text.startswith("QQ Mail accepts only the address you sign in with")


def test_a_doubt_does_not_block(admin: Client) -> None:
    ((field, blocks, _text),) = notes(admin, address="shop@example.com", provider="gmail", username="me@gmail.com")
    assert (field, blocks) == ("address", False)


@pytest.mark.parametrize(
    ("port", "security", "fixes"),
    [
        ("465", "starttls", [{"port": "465", "security": "tls"}, {"port": "587", "security": "starttls"}]),
        ("587", "tls", [{"port": "587", "security": "starttls"}, {"port": "465", "security": "tls"}]),
    ],
)
def test_a_port_that_does_not_go_with_the_encryption_comes_with_the_right_combinations(
    admin: Client, port: str, security: str, fixes: list[dict[str, str]]
) -> None:
    data = {"address": "a@shop.example", "host": "mail.shop.example", "port": port, "security": security}
    (note,) = admin.post(CHECK, data).json()["notes"]
    assert (note["field"], note["blocks"]) == ("security", False)
    assert [fix["values"] for fix in note["fixes"]] == fixes


def test_it_saves_nothing(admin: Client, profile: Profile) -> None:
    before = Profile.objects.values().get()
    admin.post(page(profile, "check"), values(profile, host="mail.else.example", batch="5"))
    assert Profile.objects.values().get() == before
