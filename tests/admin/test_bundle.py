"""The support bundle's page: exactly what will be passed on, for those who may change profiles, without secrets."""

import html
import re
from typing import Any
from urllib.parse import unquote

import pytest
from django.test import Client

from smtpadmin.models import Profile
from tests.admin.forms import page
from tests.commands.test_support_bundle import FORMS, RECIPIENT, RECIPIENTS, report, with_canaries
from tests.support import canary
from tests.support.mail import put
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db


def shown(response: Any) -> str:
    """Return the text of the bundle as a reader sees it."""
    assert response.status_code == 200
    found = re.search(r"<pre[^>]*>(.*?)</pre>", response.content.decode(), re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def saved(response: Any) -> str:
    """Return what the link saves."""
    found = re.search(r'href="data:text/markdown;charset=utf-8,([^"]*)"', response.content.decode())
    assert found is not None
    return unquote(found[1])


def test_it_is_the_bundle_of_this_profile_with_its_last_test(admin: Client) -> None:
    main = make_profile(test_report=report("No such user"))
    make_profile(slug="spare")
    text = shown(admin.get(page(main, "support")))
    assert text.startswith("# smtpadmin support bundle\n")
    assert "### main\n" in text
    assert "### spare\n" not in text
    assert "[failed] Name the recipient (RCPT TO)  500 ms\n" in text
    assert "    S: 550 5.1.1 <(address)> No such user\n" in text
    assert "\n1. " in text.partition("#### Last test")[2]


def test_the_file_is_what_is_in_sight_byte_for_byte(admin: Client) -> None:
    main = make_profile(name='Shop & "Co" <é>', test_report=report("No such user"))
    response = admin.get(page(main, "support"))
    assert saved(response) == shown(response)
    assert 'download="smtpadmin-main.md"' in response.content.decode()


def test_it_is_kept_nowhere(admin: Client) -> None:
    assert "no-store" in admin.get(page(make_profile(), "support"))["Cache-Control"]


def test_it_is_in_the_reader_s_language(admin: Client) -> None:
    text = shown(admin.get(page(make_profile(), "support"), headers={"accept-language": "zh-hans"}))
    assert "## 版本" in text


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_nowhere_on_the_page_whatever_field_it_was_written_to(
    admin: Client, settings: Any, form: str
) -> None:
    with_canaries(form)
    settings.MAILERS = {form: {"BACKEND": form, "OPTIONS": {form: form}}}
    settings.DEFAULT_FROM_EMAIL = settings.SERVER_EMAIL = f"{form} <app@example.com>"
    response = admin.get(page(Profile.objects.get(), "support"))
    for text in (response.content.decode(), shown(response), saved(response)):
        assert canary.found_in(text) == []
        assert "smtp.example.com" in text


@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_recipients_are_left_out(admin: Client, recipient: str) -> None:
    main = make_profile(test_report=report("No such user", recipient=recipient))
    put(main, recipient)
    text = shown(admin.get(page(main, "support")))
    assert recipient.lower() not in text.lower()


@pytest.mark.parametrize("given", [[], ["none"]])
def test_a_locked_panel_shows_it_too(admin: Client, settings: Any, given: list[str]) -> None:
    main = make_profile(password="s3cret-value")
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": given}
    assert "- secret: locked\n" in shown(admin.get(page(main, "support")))


def test_it_is_reached_from_the_profile_and_from_a_failed_test(admin: Client, tester: Client) -> None:
    main = make_profile(test_report=report("No such user", recipient=RECIPIENT), test_state="failing")
    link = f'href="{page(main, "support")}"'
    for address in (page(main), page(main, "test")):
        assert link in admin.get(address).content.decode()
        assert link not in tester.get(address).content.decode()
