"""After a failed test: the other ways to the same server, and the one press that takes the one that works."""

import html
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core import signing
from django.test import Client

from smtpadmin import profiles
from smtpadmin.admin import other_ways
from smtpadmin.admin.history import lines
from smtpadmin.models import Profile, TestState
from smtpadmin.smtp import Security
from tests.admin.conftest import CANARY
from tests.admin.forms import errors, page, text_of, values
from tests.support.certificates import CertificateFactory
from tests.support.hostile import HostileServer, hostile_server
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer, StartServer

pytestmark = pytest.mark.django_db

STREAM = {"accept": "application/x-smtpadmin-steps"}
TO = "you@example.org"


@pytest.fixture
def server(smtp_server: StartServer) -> SmtpServer:
    # A client that speaks TLS from the start is refused at once here. The other way round it waits for a greeting.
    return smtp_server(security=Security.STARTTLS)


def wrong(server: SmtpServer, security: str, **more: Any) -> Profile:
    """A profile with everything right but the encryption."""
    fields = {"host": server.host, "port": server.port, "username": USERNAME, "password": PASSWORD} | more
    return make_profile(security=security, ca_pem=server.ca_pem, **fields)


@pytest.fixture
def mistaken(server: SmtpServer) -> Profile:
    return wrong(server, "tls")


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def run(client: Client, profile: Profile, *, mode: str = "send", **more: Any) -> Any:
    return client.post(page(profile, "test/run"), {"recipient": TO, "mode": mode}, **more)


def offered(text: str) -> dict[str, str]:
    """Return what the offer's form posts."""
    form = re.search(r"<form[^>]*data-way-form.*?</form>", text, re.DOTALL)
    if form is None:
        return {}
    return {
        name: html.unescape(value)
        for name, value in re.findall(r'name="(way|recipient|mode)" value="([^"]*)"', form[0])
    }


def take(client: Client, profile: Profile, posted: dict[str, str], **more: Any) -> Any:
    return client.post(page(profile, "test/way"), posted, **more)


def button(text: str) -> str:
    """Return what the offer is called, and the tag it is."""
    found = re.search(r"<(\w+)[^>]*sa-primary[^>]*>(Use port [^<]*)<", text)
    return f"{found[1]}: {found[2]}" if found else ""


# Streamed


def test_after_the_outcome_the_other_ways_are_tried_and_the_working_one_is_offered(
    admin: Client, mistaken: Profile, server: SmtpServer
) -> None:
    pieces = run(admin, mistaken, headers=STREAM).pieces
    at = next(number for number, piece in enumerate(pieces) if "data-outcome" in piece)
    assert "Trying other ports of the same server, without the secret" in pieces[at + 1]
    assert button(pieces[-1]) == f"button: Use port {mistaken.port} with STARTTLS instead"
    assert [login.accepted for login in server.logins] == []


def test_one_press_saves_the_way_and_tests_again(admin: Client, mistaken: Profile, server: SmtpServer) -> None:
    posted = offered(run(admin, mistaken, headers=STREAM).pieces[-1])
    assert (posted["recipient"], posted["mode"]) == (TO, "send")
    pieces = take(admin, mistaken, posted, headers=STREAM).pieces
    assert "It works: the server accepted the message for you@example.org." in pieces[-1]
    changed = Profile.objects.get()
    assert (changed.security, changed.port, changed.test_state) == ("starttls", mistaken.port, TestState.WORKING)
    assert profiles.password(changed).reveal() == PASSWORD
    assert len(server.messages) == 1


def test_the_press_is_in_the_history_with_old_and_new(admin: Client, mistaken: Profile) -> None:
    take(admin, mistaken, offered(run(admin, mistaken, headers=STREAM).pieces[-1]), headers=STREAM)
    told = [(line.label, line.old, line.new) for entry in LogEntry.objects.order_by("pk") for line in lines(entry)]
    assert ("Encryption", "SSL/TLS from the start (implicit TLS)", "STARTTLS") in told
    assert "Port" not in [label for label, _, _ in told]
    assert [label for label, _, _ in told][-2:] == [f"Test started: {TO}", f"Test succeeded: {TO}"]


def test_a_check_stays_a_check(admin: Client, mistaken: Profile, server: SmtpServer) -> None:
    posted = offered(run(admin, mistaken, mode="check", headers=STREAM).pieces[-1])
    assert posted["mode"] == "check"
    assert "Nothing was sent, as you asked." in take(admin, mistaken, posted, headers=STREAM).pieces[-1]
    assert server.messages == []


def test_the_stream_speaks_the_reader_s_language(admin: Client, mistaken: Profile) -> None:
    pieces = run(admin, mistaken, headers=STREAM | {"accept-language": "zh-CN"}).pieces
    assert "查找服务器（DNS）" in pieces[-1]


def test_when_no_other_way_works_it_says_what_each_did(
    admin: Client, closed_port: int, certificates: CertificateFactory
) -> None:
    profile = make_profile(host="127.0.0.1", port=closed_port, security="tls", ca_pem=certificates.ca_pem)
    last = run(admin, profile, headers=STREAM).pieces[-1]
    assert "The usual ports of this server do not work either." in last
    assert f"Port {closed_port} with STARTTLS" in last
    assert "Port 465 with SSL/TLS" in last
    assert (button(last), offered(last)) == ("", {})


def test_a_wrong_password_is_not_tried_elsewhere(admin: Client, smtp_server: StartServer) -> None:
    profile = wrong(smtp_server(security=Security.STARTTLS), "starttls", password=CANARY)
    pieces = run(admin, profile, headers=STREAM).pieces
    assert "data-outcome" in pieces[-1]


def test_a_success_is_the_end(admin: Client, server: SmtpServer) -> None:
    assert "It works" in run(admin, wrong(server, "starttls"), headers=STREAM).pieces[-1]


def test_who_may_not_change_the_profile_is_not_shown_other_ways(tester: Client, mistaken: Profile) -> None:
    pieces = run(tester, mistaken, headers=STREAM).pieces
    assert "data-outcome" in pieces[-1]
    token = signing.dumps([*other_ways._now(mistaken), mistaken.port, "starttls", True], salt=other_ways._SALT)
    assert take(tester, mistaken, {"way": token, "recipient": TO}).status_code == 403
    assert "data-way-form" not in tester.get(page(mistaken, "test"), {"way": token}).content.decode()


def test_who_may_not_test_may_not_take_a_way(editor: Client, mistaken: Profile) -> None:
    assert take(editor, mistaken, {"recipient": TO}).status_code == 403


@pytest.mark.parametrize("who", ["admin", "editor"])
def test_nothing_is_changed_by_following_a_link(request: pytest.FixtureRequest, mistaken: Profile, who: str) -> None:
    assert request.getfixturevalue(who).get(page(mistaken, "test/way")).status_code == 405


# What may go where


@pytest.fixture
def plain_server(smtp_server: StartServer) -> SmtpServer:
    return smtp_server()


def test_no_encryption_is_never_offered_in_place_of_some(
    admin: Client, plain_server: SmtpServer, certificates: CertificateFactory
) -> None:
    profile = make_profile(
        host=plain_server.host, port=plain_server.port, security="starttls", username=USERNAME, password=PASSWORD
    )
    last = run(admin, profile, headers=STREAM).pieces[-1]
    assert "The usual ports of this server do not work either." in last
    assert "not encrypted" not in last
    assert plain_server.logins == []


def test_tls_from_the_start_is_found_for_a_port_that_is_silent_without(admin: Client, smtp_server: StartServer) -> None:
    profile = wrong(smtp_server(security=Security.IMPLICIT_TLS), "starttls")
    posted = offered(run(admin, profile, headers=STREAM).pieces[-1])
    assert "It works" in take(admin, profile, posted, headers=STREAM).pieces[-1]
    assert Profile.objects.get().security == "tls"


def test_encryption_is_offered_in_place_of_none_and_the_secret_goes_along(admin: Client, server: SmtpServer) -> None:
    profile = wrong(server, "none", allow_plaintext_auth=True)
    posted = offered(run(admin, profile, headers=STREAM).pieces[-1])
    assert "It works" in take(admin, profile, posted, headers=STREAM).pieces[-1]
    changed = Profile.objects.get()
    assert (changed.security, changed.allow_plaintext_auth) == ("starttls", False)


def test_where_the_certificate_is_not_checked_the_form_asks_for_the_secret(admin: Client, server: SmtpServer) -> None:
    """Another port of that host may be anybody's: nothing proves who listens there."""
    profile = wrong(server, "tls", skip_verify=True, skip_verify_reason="x")
    last = run(admin, profile, headers=STREAM).pieces[-1]
    assert offered(last) == {}
    assert button(last) == f"a: Use port {profile.port} with STARTTLS instead"
    assert "the secret has to be typed again" in last
    link = html.unescape(re.findall(r'href="([^"]*way=[^"]*)"', last)[0])
    opened = admin.get(link.partition("#")[0])
    assert opened.context["form"]["security"].value() == "starttls"
    assert "data-offers-way" in opened.content.decode()
    assert 'id="id_without_secret"' in opened.content.decode()
    # Following the link has saved nothing, and saving asks.
    assert Profile.objects.get().security == "tls"
    assert list(errors(admin.post(page(profile), values(profile, security="starttls")))) == ["secret"]
    assert server.logins == []


def test_a_token_for_it_made_by_hand_does_not_keep_the_secret_either(admin: Client, server: SmtpServer) -> None:
    profile = wrong(server, "tls", skip_verify=True, skip_verify_reason="x")
    token = signing.dumps([*other_ways._now(profile), profile.port, "starttls", True], salt=other_ways._SALT)
    assert take(admin, profile, {"way": token, "recipient": TO}, headers=STREAM).status_code == 429
    assert (Profile.objects.get().security, server.logins) == ("tls", [])


@pytest.mark.parametrize("token", ["", "x", signing.dumps(["a"], salt="smtpadmin.other-way"), signing.dumps([1, 2])])
def test_a_way_that_the_panel_has_not_tried_is_not_taken(admin: Client, mistaken: Profile, token: str) -> None:
    refused = take(admin, mistaken, {"way": token, "recipient": TO}, headers=STREAM)
    assert "Test again to see what works now." in text_of(refused)
    assert Profile.objects.get().security == "tls"
    assert admin.get(page(mistaken), {"way": token}).context["form"]["security"].value() == "tls"


@pytest.mark.parametrize("change", [{"host": "else.example"}, {"port": 1}, {"security": "none"}])
def test_a_way_of_settings_that_changed_meanwhile_is_not_taken(
    admin: Client, mistaken: Profile, server: SmtpServer, change: dict[str, Any]
) -> None:
    posted = offered(run(admin, mistaken, headers=STREAM).pieces[-1])
    Profile.objects.update(**change)
    refused = take(admin, mistaken, posted, headers=STREAM)
    assert "The settings have changed since then" in text_of(refused)
    assert {name: getattr(Profile.objects.get(), name) for name in change} == change
    assert server.logins == []


def test_a_way_of_another_profile_is_not_taken(admin: Client, mistaken: Profile, server: SmtpServer) -> None:
    posted = offered(run(admin, mistaken, headers=STREAM).pieces[-1])
    other = wrong(server, "tls", slug="other")
    assert take(admin, other, posted, headers=STREAM).status_code == 429


def test_a_secret_that_was_moved_behind_the_panel_s_back_is_not_sealed_anew(
    admin: Client, mistaken: Profile, server: SmtpServer
) -> None:
    posted = offered(run(admin, mistaken, headers=STREAM).pieces[-1])
    Profile.objects.update(username="someone@example.com")
    refused = take(admin, mistaken, posted, headers=STREAM)
    assert "Type it again on the settings page." in text_of(refused)
    assert (Profile.objects.get().security, server.logins) == ("tls", [])


def test_denied_networks_are_not_tried(admin: Client, mistaken: Profile, server: SmtpServer, settings: Any) -> None:
    settings.SMTPADMIN = settings.SMTPADMIN | {"DENIED_NETWORKS": ["127.0.0.0/8"]}
    assert "data-outcome" in run(admin, mistaken, headers=STREAM).pieces[-1]
    assert server.connections == 0


# Without scripts


def test_without_scripts_the_page_after_the_test_has_the_offer_and_the_press_leads_on(
    admin: Client, mistaken: Profile, server: SmtpServer
) -> None:
    led = run(admin, mistaken)
    assert led["Location"].startswith(f"{page(mistaken, 'test')}?way=")
    shown = admin.get(led["Location"].partition("#")[0]).content.decode()
    assert button(shown) == f"button: Use port {mistaken.port} with STARTTLS instead"
    again = take(admin, mistaken, offered(shown))
    assert again["Location"] == f"{page(mistaken, 'test')}#result"
    assert "It works" in text_of(admin.get(page(mistaken, "test")))
    assert len(server.messages) == 1
    # The old address offers nothing any more.
    assert "data-way-form" not in admin.get(led["Location"].partition("#")[0]).content.decode()


def test_a_result_that_is_opened_without_the_offer_is_as_it_was(admin: Client, mistaken: Profile) -> None:
    run(admin, mistaken)
    assert "data-way-form" not in admin.get(page(mistaken, "test")).content.decode()


# Before saving


def form_of(server: SmtpServer, **changes: str) -> dict[str, str]:
    return {"address": USERNAME, "host": server.host, "port": str(server.port), "security": "tls",
            "secret": PASSWORD, "ca_pem": server.ca_pem, "recipient": TO, "mode": "check"} | changes  # fmt: skip


def test_a_try_offers_the_way_to_the_form(admin: Client, server: SmtpServer) -> None:
    last = admin.post("/admin/smtpadmin/profile/try/", form_of(server), headers=STREAM).pieces[-1]  # type: ignore[attr-defined]
    assert button(last) == f"button: Use port {server.port} with STARTTLS instead"
    assert re.findall(r'data-(port|security|mode)="(\w+)"', last) == [
        ("port", str(server.port)), ("security", "starttls"), ("mode", "check"),
    ]  # fmt: skip
    assert PASSWORD not in last
    assert server.logins == []


def test_without_scripts_a_try_says_what_to_enter_in_the_form(admin: Client, server: SmtpServer) -> None:
    shown = admin.post("/admin/smtpadmin/profile/try/", form_of(server))
    assert f"Port {server.port} with STARTTLS works with this server." in text_of(shown)
    assert "Enter this port and encryption in the form in the other tab" in text_of(shown)
    assert "<form" not in shown.content.decode().partition("data-outcome")[2].partition("</section>")[0]


# Bounds


@pytest.fixture
def watched(certificates: CertificateFactory) -> Iterator[HostileServer]:
    with hostile_server(context=certificates.good.context()) as server:
        yield server


def test_no_credential_leaves_while_ways_are_tried(
    admin: Client, watched: HostileServer, certificates: CertificateFactory
) -> None:
    profile = make_profile(
        host="127.0.0.1", port=watched.port, security="tls", password=CANARY, ca_pem=certificates.ca_pem
    )
    assert button(run(admin, profile, headers=STREAM).pieces[-1]).endswith("with STARTTLS instead")
    watched.settle()
    assert watched.ledger.count("AUTH") == 0
    assert CANARY.encode() not in bytes(watched.ledger.received)


def test_a_reader_who_goes_away_ends_the_trying_and_the_profile_is_free(admin: Client, mistaken: Profile) -> None:
    client = Client()
    client.force_login(LogEntry._meta.get_field("user").related_model.objects.get(username="admin"))  # type: ignore[union-attr]
    response = run(client, mistaken, headers=STREAM)
    pieces = iter(response.streaming_content)
    while b"data-other-ways" not in next(pieces):
        assert Profile.objects.get().pk == mistaken.pk
    assert Profile.objects.get().testing_until is None
    response._iterator.close()
