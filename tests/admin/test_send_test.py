"""Send test email: the page, the stream, the page without scripts, and what is refused."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.test import Client
from django.urls import resolve

from smtpadmin import testing
from smtpadmin.admin.history import lines
from smtpadmin.conf import conf
from smtpadmin.models import Profile, TestState
from tests.admin.conftest import CANARY
from tests.admin.forms import errors, page, text_of, values
from tests.support.certificates import CertificateFactory
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, Security, SmtpServer, StartServer

pytestmark = pytest.mark.django_db

STREAM = {"accept": "application/x-smtpadmin-steps"}


@pytest.fixture
def server(smtp_server: StartServer) -> SmtpServer:
    return smtp_server()


@pytest.fixture
def working(server: SmtpServer) -> Profile:
    return make_profile(host=server.host, port=server.port, security="none", username=USERNAME, password=PASSWORD)


@pytest.fixture
def refused(server: SmtpServer) -> Profile:
    """A profile whose secret is wrong."""
    return make_profile(host=server.host, port=server.port, security="none", username=USERNAME, password=CANARY)


def run(
    client: Client, profile: Profile, *, recipient: str = "you@example.org", mode: str = "send", **more: Any
) -> Any:
    return client.post(page(profile, "test/run"), {"recipient": recipient, "mode": mode}, **more)


# Streamed


def test_each_step_is_a_piece_of_its_own_and_the_outcome_the_last(admin: Client, working: Profile) -> None:
    response = run(admin, working, headers=STREAM)
    stages = [piece.split('data-stage="')[1].split('"')[0] for piece in response.pieces[:-1]]
    assert stages == [stage.value for stage in testing.stages(working)]
    assert "It works: the server accepted the message for you@example.org." in response.pieces[-1]


def test_the_stream_is_held_back_by_nothing_on_its_way(admin: Client, working: Profile) -> None:
    headers = run(admin, working, headers=STREAM).headers
    assert {name: headers[name] for name in ("Content-Encoding", "X-Accel-Buffering", "Content-Type")} == {
        "Content-Encoding": "identity",
        "X-Accel-Buffering": "no",
        "Content-Type": "application/x-smtpadmin-steps; charset=utf-8",
    }


def test_the_stream_speaks_the_reader_s_language(admin: Client, working: Profile) -> None:
    response = run(admin, working, headers=STREAM | {"accept-language": "zh-CN"})
    assert "查找服务器（DNS）" in response.pieces[0]
    assert "服务器已接收" in response.pieces[-1]


def test_a_failing_stream_ends_with_the_diagnosis(admin: Client, refused: Profile) -> None:
    *steps, outcome = run(admin, refused, headers=STREAM).pieces
    assert "sa-is-failed" in steps[-1]
    assert "Stopped at AUTH" in outcome
    assert "535 5.7.8 Authentication credentials invalid" in outcome
    assert f'href="{page(refused)}?field=secret#id_secret"' in outcome


def test_a_reader_who_goes_away_ends_the_test_and_frees_the_profile(
    admin: Client, working: Profile, server: SmtpServer
) -> None:
    client = Client()
    client.force_login(User.objects.get(username="admin"))
    response = client.post(page(working, "test/run"), {"recipient": "you@example.org"}, headers=STREAM)
    next(iter(response.streaming_content))  # type: ignore[attr-defined]
    assert Profile.objects.get().testing_until is not None
    # What a WSGI server does when the socket is gone; the test client's wrapper spares the test's database.
    response._iterator.close()  # type: ignore[attr-defined]
    assert Profile.objects.get().testing_until is None
    assert server.messages == []
    told = [lines(entry)[0].label for entry in LogEntry.objects.order_by("pk")]
    assert told == ["Test started: you@example.org", "Test left before its end was shown"]


@pytest.mark.parametrize(("name", "atomic"), [("test/run", False), ("try", False), ("enable", True)])
def test_no_transaction_of_the_project_s_is_held_while_a_server_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, working: Profile, name: str, atomic: bool
) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    view = resolve(page(working, name)).func
    assert (BaseHandler().make_view_atomic(view) is not view) is atomic


def test_a_link_pins_no_certificate_but_the_one_the_test_stopped_at(admin: Client, refused: Profile) -> None:
    run(admin, refused)
    form = admin.get(page(refused), {"pin": "ab" * 32}).context["form"]
    assert not form["pinned_sha256"].value()


# Without scripts


def test_without_scripts_the_same_press_answers_with_the_finished_page(admin: Client, working: Profile) -> None:
    response = run(admin, working)
    # A redirect, so that reloading the page sends nothing again.
    assert (response.status_code, response["Location"]) == (302, page(working, "test") + "#result")
    assert "It works" in text_of(admin.get(page(working, "test")))


def test_the_last_result_is_shown_when_the_page_is_opened_again(admin: Client, refused: Profile) -> None:
    run(admin, refused)
    response = admin.get(page(refused, "test"))
    shown = text_of(response)
    assert [row.status for row in response.context["rows"]] == [
        "ok", "ok", "ok", "failed", "unreached", "unreached", "unreached",
    ]  # fmt: skip
    assert "Stopped at AUTH" in shown
    assert "just now · admin" in shown


def test_the_bars_follow_one_another_and_fill_the_whole(admin: Client, working: Profile) -> None:
    run(admin, working)
    rows = admin.get(page(working, "test")).context["rows"]
    assert [row.start for row in rows] == sorted(row.start for row in rows)
    assert all(0 <= row.start <= 1000 and 6 <= row.width <= 1000 for row in rows)


# What it does


def test_check_only_signs_in_and_sends_nothing(admin: Client, working: Profile, server: SmtpServer) -> None:
    run(admin, working, mode="check")
    shown = text_of(admin.get(page(working, "test")))
    assert "the server would take a message for you@example.org" in shown
    assert "Nothing was sent, as you asked." in shown
    assert "Left out: nothing was to be sent" in shown
    assert (server.messages, [login.accepted for login in server.logins]) == ([], [True])


def test_the_result_is_kept_on_the_profile(admin: Client, working: Profile) -> None:
    run(admin, working)
    tested = Profile.objects.get()
    assert tested.tested_by is not None
    assert (tested.test_state, tested.tested_by.username) == (TestState.WORKING, "admin")


def test_a_success_offers_to_make_the_profile_the_default(admin: Client, working: Profile) -> None:
    run(admin, working)
    assert page(working, "make-default") in admin.get(page(working, "test")).content.decode()
    admin.post(page(working, "make-default"), {"back": "test"})
    assert "It is the default" in text_of(admin.get(page(working, "test")))


def test_a_tester_who_may_not_change_is_not_offered_the_settings(tester: Client, refused: Profile) -> None:
    outcome = run(tester, refused, headers=STREAM).pieces[-1]
    assert "Edit settings" not in outcome
    assert "make-default" not in outcome


def test_the_report_can_be_copied_and_holds_no_secret(admin: Client, refused: Profile) -> None:
    outcome = run(admin, refused, headers=STREAM).pieces[-1]
    assert "smtpadmin test report" in outcome
    assert "C: AUTH PLAIN ***" in outcome
    assert CANARY not in outcome


def test_an_untrusted_certificate_can_be_pinned_from_the_result(
    admin: Client, smtp_server: StartServer, certificates: CertificateFactory
) -> None:
    certificate = certificates.self_signed
    server = smtp_server(security=Security.IMPLICIT_TLS, certificate=certificate)
    profile = make_profile(host=server.host, port=server.port, security="tls", username=USERNAME, password=PASSWORD)
    outcome = run(admin, profile, headers=STREAM).pieces[-1]
    link = f"{page(profile)}?field=pinned_sha256&amp;pin={certificate.sha256}#id_pinned_sha256"
    assert link in outcome
    form = admin.get(page(profile), {"field": "pinned_sha256", "pin": certificate.sha256}).context["form"]
    assert form["pinned_sha256"].value() == certificate.sha256
    # Following the link has saved nothing.
    assert Profile.objects.get().pinned_sha256 == ""
    # The secret was given for a server known by other means, and the page says so.
    opened = admin.get(page(profile), {"pin": certificate.sha256})
    assert "<noscript><p>The stored secret was given for a server known by other means" in opened.content.decode()
    assert next(part for part in opened.context["sections"] if part.key == "certificates").is_open
    assert "secret" in errors(admin.post(page(profile), values(profile, pinned_sha256=certificate.sha256)))
    admin.post(page(profile), values(profile, pinned_sha256=certificate.sha256, secret=PASSWORD))
    assert "It works" in run(admin, profile, headers=STREAM).pieces[-1]


# What is refused


@pytest.mark.parametrize(("recipient", "words"), [("", "Enter an address"), ("nobody", "has no @")])
def test_a_recipient_that_is_no_address_is_refused(
    admin: Client, working: Profile, server: SmtpServer, recipient: str, words: str
) -> None:
    plain = run(admin, working, recipient=recipient)
    streamed = run(admin, working, recipient=recipient, headers=STREAM)
    assert (plain.status_code, streamed.status_code) == (422, 422)
    assert words in text_of(plain)
    assert words in text_of(streamed)
    assert server.connections == 0


def test_the_recipient_s_box_is_where_typing_begins_when_it_is_empty(admin: Client, working: Profile) -> None:
    box = re.compile(r"<input[^>]*id_recipient[^>]*>|<input[^>]*name=\"recipient\"[^>]*>")
    for response, is_empty in (
        (admin.get(page(working, "test")), False),
        (admin.post(page(working, "test/run"), {"recipient": ""}), True),
    ):
        found = box.search(response.content.decode())
        assert found is not None
        assert ("autofocus" in found[0]) is is_empty


def test_a_second_test_of_the_same_profile_waits_for_the_first(admin: Client, working: Profile) -> None:
    testing.start(working, user=User.objects.get(username="admin"))
    response = run(admin, working, headers=STREAM)
    assert response.status_code == 429
    assert "Another test of this profile is under way." in text_of(response)
    assert "Another test of this profile is under way." in text_of(run(admin, working, follow=True))


def test_tests_are_limited_per_person(admin: Client, working: Profile, settings: Any) -> None:
    settings.SMTPADMIN = {**settings.SMTPADMIN, "TESTS_PER_MINUTE": 1}
    assert conf.tests_per_minute == 1
    assert run(admin, working, headers=STREAM).status_code == 200
    assert run(admin, working, headers=STREAM).status_code == 429


# Before saving


def try_new(client: Client, **data: str) -> Any:
    return client.post("/admin/smtpadmin/profile/try/", {"recipient": "you@example.org", **data}, headers=STREAM)


def form_of(server: SmtpServer, **changes: str) -> dict[str, str]:
    return {"address": USERNAME, "host": server.host, "port": str(server.port), "security": "none",
            "secret": PASSWORD, **changes}  # fmt: skip


def test_a_new_profile_is_tested_before_it_is_saved(admin: Client, server: SmtpServer) -> None:
    outcome = try_new(admin, **form_of(server)).pieces[-1]
    assert "It works" in outcome
    assert "These settings are not saved yet" in outcome
    assert (Profile.objects.count(), len(server.messages)) == (0, 1)


def test_what_is_missing_is_said_before_anything_is_connected_to(admin: Client, server: SmtpServer) -> None:
    response = try_new(admin, **form_of(server, secret=""))
    assert response.status_code == 422
    assert '<a href="#id_secret">' in response.content.decode()
    assert "The test was not started." in text_of(response)
    assert server.connections == 0


def test_a_name_that_is_taken_stands_in_the_way_of_saving_and_not_of_a_test(
    admin: Client, server: SmtpServer, working: Profile
) -> None:
    assert "It works" in try_new(admin, **form_of(server, name=working.name, slug=working.slug)).pieces[-1]


def test_without_scripts_a_try_is_a_page_of_its_own(admin: Client, server: SmtpServer) -> None:
    good = admin.post("/admin/smtpadmin/profile/try/", {"recipient": "you@example.org", **form_of(server)})
    bad = admin.post("/admin/smtpadmin/profile/try/", {"recipient": "", **form_of(server)})
    assert (good.status_code, bad.status_code) == (200, 422)
    assert "It works" in text_of(good)
    assert "Your form is still open in the other tab" in text_of(bad)


def test_a_try_leaves_the_stored_result_and_settings_alone(admin: Client, refused: Profile, server: SmtpServer) -> None:
    run(admin, refused)
    before = Profile.objects.values().get()
    response = admin.post(
        page(refused, "try"), values(refused, recipient="you@example.org", secret=PASSWORD), headers=STREAM
    )
    assert "It works" in response.pieces[-1]
    assert Profile.objects.values().get() == before
