"""Who changed what: old and new values, never a secret's."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from smtpadmin.admin.history import ChangeLine, lines
from smtpadmin.models import Profile
from smtpadmin.models.profile import today
from tests.admin.conftest import CANARY
from tests.admin.forms import ADD, page, text_of, values
from tests.support.profiles import make_profile
from tests.support.smtpd import USERNAME, StartServer

pytestmark = pytest.mark.django_db


def last() -> list[ChangeLine]:
    return lines(LogEntry.objects.latest("pk"))


def value(label: str, old: str, new: str) -> ChangeLine:
    return ChangeLine(label=label, old=old, new=new, has_values=True)


def test_an_edit_is_told_with_old_and_new_values(admin: Client, profile: Profile) -> None:
    admin.post(page(profile), values(profile, address="Shop <shop@example.com>", batch="5", from_policy="refuse",
                                     skip_verify="on", skip_verify_reason="Old device",
                                     without_secret="on"))  # fmt: skip
    assert sorted(last(), key=lambda line: line.label) == [
        value("Batch", "20", "5"),
        value("Do NOT check the certificate (unsafe)", "no", "yes"),
        value("From", "notify@example.com", "Shop <shop@example.com>"),
        value("Not checked until", "–", str(today() + timedelta(days=7))),
        value("Other From addresses", "Keep the app's From", "Refuse the message"),
        value("Reason for not checking", "–", "Old device"),
        ChangeLine(label="Secret cleared"),
    ]


def test_a_certificate_is_named_and_not_copied(
    admin: Client, profile: Profile, smtp_server: StartServer, certificates: Any
) -> None:
    admin.post(page(profile), values(profile, ca_pem=certificates.ca_pem, secret=CANARY))
    assert last() == [ChangeLine(label="CA certificate"), ChangeLine(label="Secret replaced")]


def test_a_token_that_stood_in_the_user_name_is_not_copied(admin: Client) -> None:
    profile = make_profile(provider="postmark", host="smtp.postmarkapp.com", port=587, security="starttls",
                           username=CANARY, password=CANARY)  # fmt: skip
    admin.post(page(profile), values(profile, username="", secret=CANARY))
    assert ChangeLine(label="User name") in last()
    assert CANARY not in LogEntry.objects.latest("pk").change_message


def test_a_test_of_unsaved_settings_tells_what_was_trusted(
    admin: Client, profile: Profile, smtp_server: StartServer
) -> None:
    server = smtp_server()
    admin.post(page(profile, "try"), values(profile, host=server.host, port=str(server.port), secret="x",
                                            pinned_sha256="ab" * 32, recipient="you@example.org"))  # fmt: skip
    assert sorted(lines(LogEntry.objects.earliest("pk")), key=lambda line: line.label) == [
        value("Pinned certificate", "–", "ab" * 32),
        value("Port", "465", str(server.port)),
        value("Server", "smtp.example.com", server.host),
        ChangeLine(label="Test of unsaved settings started: you@example.org"),
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"secret": "another"}, [ChangeLine(label="Secret replaced")]),
        (
            {"host": "mail.else.example", "without_secret": "on"},
            [value("Server", "smtp.example.com", "mail.else.example"), ChangeLine(label="Secret cleared")],
        ),
    ],
)
def test_of_a_secret_only_its_fate_is_told(
    admin: Client, profile: Profile, changes: dict[str, str], told: list[ChangeLine]
) -> None:
    admin.post(page(profile), values(profile, **changes))
    assert last() == told
    assert "another" not in LogEntry.objects.latest("pk").change_message


def test_saving_without_a_change_leaves_no_entry(admin: Client, profile: Profile) -> None:
    assert admin.post(page(profile), values(profile)).status_code == 302
    assert not LogEntry.objects.exists()


def test_adding_is_told(admin: Client) -> None:
    admin.post(ADD, {"address": "a@qq.com", "secret": CANARY})
    assert last() == [ChangeLine(label="Added"), ChangeLine(label="Secret replaced")]


@pytest.mark.parametrize(
    ("press", "told"),
    [
        ("make-default", "Made the default"),
        ("disable", "Disabled"),
        ("enable", "Enabled"),
    ],
)
def test_a_press_is_told(admin: Client, profile: Profile, press: str, told: str) -> None:
    admin.post(page(profile, press))
    assert last() == [ChangeLine(label=told)]


def test_a_copy_is_told_on_both_profiles(admin: Client, profile: Profile) -> None:
    admin.post(page(profile, "duplicate"))
    original, copy = LogEntry.objects.order_by("pk")
    assert lines(original) == [ChangeLine(label="Duplicated: Main (copy)")]
    assert lines(copy) == [
        ChangeLine(label="Added"),
        ChangeLine(label="Made as a copy of another profile, without its secret: Main"),
    ]


def test_a_deletion_is_told_on_the_dashboard(admin: Client, profile: Profile) -> None:
    admin.post(page(profile, "delete"), {"post": "yes"})
    assert last() == [ChangeLine(label="Deleted")]


def test_tests_are_told_with_their_outcome(admin: Client, profile: Profile, smtp_server: StartServer) -> None:
    server = smtp_server()
    server.password = CANARY
    Profile.objects.all().delete()
    admin.post(ADD, {"address": USERNAME, "host": server.host, "port": str(server.port), "security": "none",
                     "secret": CANARY})  # fmt: skip
    profile = Profile.objects.get()
    told = []
    for mode in ("send", "check"):
        admin.post(page(profile, "test/run"), {"recipient": "you@example.org", "mode": mode})
        told.append(last())
    server.password = "changed"
    admin.post(page(profile, "test/run"), {"recipient": "you@example.org"})
    told.append(last())
    admin.post(page(profile, "try"), values(profile, recipient="you@example.org", secret="changed"))
    told.append(last())
    assert [line.label for entry in told for line in entry] == [
        "Test succeeded: you@example.org",
        "Check succeeded, nothing was sent: you@example.org",
        "Test failed: AUTH",
        "Test of unsaved settings succeeded: you@example.org",
    ]


def test_the_history_page_tells_it_to_people(admin: Client, profile: Profile) -> None:
    admin.post(page(profile), values(profile, batch="5"))
    shown = text_of(admin.get(page(profile, "history")))
    assert "admin" in shown
    assert "Batch: 20 → became 5" in shown


def test_other_pages_of_an_admin_still_read_the_entries(admin: Client, profile: Profile) -> None:
    admin.post(page(profile), values(profile, batch="5", secret="another"))
    assert LogEntry.objects.latest("pk").get_change_message() == "Changed batch and secret."


def test_an_entry_of_another_origin_is_shown_as_it_is() -> None:
    entry = LogEntry(action_flag=2, change_message=json.dumps([{"changed": {"fields": ["Port"]}}]))
    assert lines(entry) == [ChangeLine(label="Changed Port.")]
    assert lines(LogEntry(action_flag=2, change_message="by hand")) == [ChangeLine(label="by hand")]


def test_the_form_says_since_when_a_secret_is_stored(admin: Client, profile: Profile) -> None:
    assert "A secret is stored, sealed" in text_of(admin.get(page(profile)))
    admin.post(page(profile), values(profile, secret="another"))
    assert "A secret is stored since" in text_of(admin.get(page(profile)))
