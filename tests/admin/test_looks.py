"""How profiles have been: the badge, the last days, what needs attention, certificates, and the page of a profile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smtpadmin.admin import looks
from smtpadmin.models import Circuit, Incident, Look, LookSource, Profile, TestState
from smtpadmin.wording.health import health
from tests.admin.forms import page, text_of
from tests.admin.message_people import client_of
from tests.admin.test_dashboard import DASHBOARD, attention, shown
from tests.support.alerts import make_channel
from tests.support.looks import DAY, SHA256, last_look, look, month_of_looks
from tests.support.message_log import NO_CONNECTION, REFUSED_SIGN_IN
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
EXPIRED = {"stage": "tls", "cause": "tls_expired", "code": None, "reply": "The server's certificate has expired."}


def badge(profile: Profile) -> tuple[str, str]:
    said = health(Profile.objects.get(pk=profile.pk))
    return said.tone, str(said.label)


def last_test(state: TestState, *, ago: timedelta, stage: str = "") -> dict[str, Any]:
    report = {"failure": {"stage": stage}} if stage else None
    return {"test_state": state, "tested_at": timezone.now() - ago, "test_report": report}


@pytest.fixture(autouse=True)
def somebody_is_told(db: None) -> None:
    """Have a way for alerts: that there is none is a line of its own."""
    make_channel(kind="webhook")


# The badge


@pytest.mark.parametrize(
    ("test", "found", "said"),
    [
        (last_test(TestState.UNTESTED, ago=HOUR), {}, ("ok", "Sign-in works")),
        (last_test(TestState.UNTESTED, ago=HOUR), REFUSED_SIGN_IN, ("bad", "Failing at AUTH")),
        (last_test(TestState.WORKING, ago=9 * HOUR), {}, ("ok", "Working")),
        (last_test(TestState.WORKING, ago=9 * HOUR), EXPIRED, ("bad", "Failing at TLS")),
        # Whatever is newer counts.
        (last_test(TestState.WORKING, ago=HOUR), EXPIRED, ("ok", "Working")),
        (last_test(TestState.FAILING, ago=HOUR, stage="auth"), {}, ("bad", "Failing at AUTH")),
        (last_test(TestState.FAILING, ago=9 * HOUR, stage="auth"), {}, ("ok", "Working")),
        # A sign-in does not show what a sender or a recipient was refused for; mail does.
        (last_test(TestState.FAILING, ago=9 * HOUR, stage="mail"), {}, ("bad", "Failing at MAIL FROM")),
        (last_test(TestState.FAILING, ago=9 * HOUR, stage="mail"), {"source": LookSource.MAIL}, ("ok", "Working")),
        (last_test(TestState.CHANGED, ago=9 * HOUR), {}, ("warn", "Changed since the test")),
        (last_test(TestState.CHANGED, ago=9 * HOUR), {"source": LookSource.MAIL}, ("ok", "Working")),
    ],
)
def test_the_badge_says_the_newest_that_is_known(
    test: dict[str, Any], found: dict[str, Any], said: tuple[str, str]
) -> None:
    profile = make_profile(**test)
    last_look(profile, **found)
    assert badge(profile) == said


def test_a_look_at_other_settings_says_nothing_of_these() -> None:
    profile = make_profile()
    last_look(profile, **REFUSED_SIGN_IN)
    profile.save()
    assert badge(profile) == ("quiet", "Not tested")


def test_where_nobody_looks_old_looks_say_nothing(admin: Client) -> None:
    profile = make_profile(is_default=True)
    last_look(profile, left=2 * DAY, **REFUSED_SIGN_IN)
    with override_settings(SMTPADMIN={"CHECK_EVERY_HOURS": 0}):
        assert badge(profile) == ("quiet", "Not tested")
        assert attention(admin) == []
        assert "switched off (SMTPADMIN_CHECK_EVERY_HOURS)" in text_of(admin.get(page(profile, "health")))


# The strip


def test_a_strip_shows_each_of_the_last_30_days() -> None:
    today = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    found = [(today, True), (today, False), (today - DAY, True), (today - 29 * DAY, False), (today - 30 * DAY, False)]
    drawn = looks.strip(found, today.date())
    assert [(day.tone, day.x) for day in drawn.days] == [
        ("bad", 0),
        *(("none", 4 * number) for number in range(1, 28)),
        ("ok", 112),
        ("mixed", 116),
    ]
    assert [drawn.days[number].summary for number in (0, 28, 29)] == [
        "Dec. 4, 2025: failing",
        "Jan 1: well",
        "Jan 2: failing at times",
    ]
    assert drawn.summary == (
        "The last 30 days: well on 1 day, failing on 1 day, failing at times on 1 day, not checked on 27 days"
    )


def test_the_dashboard_draws_a_strip_where_anybody_has_looked(admin: Client) -> None:
    profile, _other = make_profile(), make_profile(slug="other")
    month_of_looks(profile, failing=(3, 4), **REFUSED_SIGN_IN)
    html = admin.get(DASHBOARD).content.decode()
    assert html.count('class="sa-strip"') == 1
    assert "well on 24 days, failing on 2 days" in html
    assert f'href="{page(profile, "health")}"' in html
    assert "style=" not in html


def test_the_dashboard_asks_no_more_for_more_profiles(admin: Client) -> None:
    counts = []
    for number in range(3):
        profile = make_profile(slug=f"p{number}", is_default=not number)
        month_of_looks(profile, failing=(1,), **REFUSED_SIGN_IN)
        last_look(profile, left=5 * DAY, **REFUSED_SIGN_IN)
        admin.get(DASHBOARD)
        with CaptureQueriesContext(connection) as queries:
            admin.get(DASHBOARD)
        counts.append(len(queries))
    assert len(set(counts)) == 1


# Attention


def test_a_server_that_lets_nobody_in_is_told_with_its_cause_and_a_way_on(admin: Client) -> None:
    profile = make_profile(is_default=True, **last_test(TestState.FAILING, ago=9 * HOUR, stage="tls"))
    last_look(profile, **EXPIRED)
    (line,) = attention(admin)
    assert line.startswith("“Main” has not been working since ")
    assert line.endswith(": The server’s certificate has expired.")
    html = admin.get(DASHBOARD).content.decode()
    assert f'<a href="{page(profile, "health")}">See what to do' in html


def test_one_failure_is_less_than_two(admin: Client) -> None:
    profile = make_profile(is_default=True)
    for failures, tone in ((1, "warn"), (2, "bad")):
        last_look(profile, failures=failures, **NO_CONNECTION)
        assert f"sa-attention-item sa-tone-{tone}" in admin.get(DASHBOARD).content.decode()


def test_a_paused_profile_says_why_in_one_place(admin: Client) -> None:
    profile = make_profile(is_default=True)
    last_look(profile, **REFUSED_SIGN_IN)
    Circuit.objects.create(profile=profile, reason="auth", since=timezone.now(), **REFUSED_SIGN_IN)
    assert attention(admin) == []
    assert shown(admin).count("Paused profiles") == 1


@pytest.mark.parametrize(
    ("left", "tone", "words"),
    [(6 * DAY, "bad", "expires in 6 days, on "), (20 * DAY, "warn", "expires in 20 days, on "),
     (-2 * DAY, "bad", "expired on ")],
)  # fmt: skip
def test_a_certificate_that_ends_soon_is_told(admin: Client, left: timedelta, tone: str, words: str) -> None:
    profile = make_profile(is_default=True)
    last_look(profile, left=left + timedelta(minutes=1))
    (line,) = attention(admin)
    assert line.startswith(f"The certificate of “Main” {words}")
    html = admin.get(DASHBOARD).content.decode()
    assert f"sa-attention-item sa-tone-{tone}" in html
    assert "Next certificate" not in html


def test_the_next_certificate_to_expire_is_named(admin: Client) -> None:
    for slug, days in (("first", 80), ("second", 60), ("third", 40)):
        last_look(make_profile(slug=slug, enabled=slug != "third"), left=days * DAY)
    assert "Next certificate to expire: “Second”, in 60 days, on " in shown(admin)


def test_whoever_sees_messages_alone_sees_no_looks() -> None:
    profile = make_profile()
    month_of_looks(profile)
    last_look(profile, left=2 * DAY, **REFUSED_SIGN_IN)
    html = client_of("view_message").get(DASHBOARD).content.decode()
    assert "sa-strip" not in html
    assert "certificate" not in html


# The page of a profile


def health_page(client: Client, profile: Profile) -> str:
    return text_of(client.get(page(profile, "health")))


def test_the_page_says_what_is_wrong_and_what_to_do(viewer: Client) -> None:
    profile = make_profile(provider="microsoft365")
    last_look(profile, left=6 * DAY, **REFUSED_SIGN_IN)
    now = timezone.now()
    for kind, key, over in (("certificate_expires", f"{profile.pk}:7", None), ("profile_failing", "1", now)):
        Incident.objects.create(
            kind=kind, key=key, profile=profile, opened_at=now - DAY, closed_at=over, details={"days": 7}
        )
    said = health_page(viewer, profile)
    assert "No sign-in has worked since " in said
    assert "Microsoft 365 (Exchange Online): sending by SMTP is off for your whole organisation" in said
    assert f"In the original: {REFUSED_SIGN_IN['code']} {REFUSED_SIGN_IN['reply']}" in said
    assert "Next check: " in said
    assert "The server’s certificate Expires soon" in said
    assert f"Issued by CN=E8, O=Example CA SHA-256 {SHA256} Seen 3 hours ago" in said
    assert "A certificate expires soon: 7 days since " in said
    assert "A profile cannot sign in from " in said


@pytest.mark.parametrize(
    ("state", "words"),
    [(TestState.WORKING, "The last test went well, "), (TestState.FAILING, "The last test failed, ")],
)
def test_a_test_that_is_newer_than_the_last_look_is_what_the_page_says(
    viewer: Client, state: TestState, words: str
) -> None:
    profile = make_profile(**last_test(state, ago=HOUR, stage="mail"))
    last_look(profile, **REFUSED_SIGN_IN)
    said = health_page(viewer, profile)
    assert words in said
    assert "In the original" not in said


def test_the_page_tells_the_last_looks(viewer: Client) -> None:
    profile = make_profile()
    look(profile, ago=50 * HOUR, seconds=0, source=LookSource.MAIL)
    look(profile, ago=26 * HOUR, **NO_CONNECTION)
    last_look(profile)
    said = health_page(viewer, profile)
    assert "All is well: the server took the password, " in said
    order = ["Well Sign-in 0.8 s", "Failed", "Well Mail was sent –"]
    assert [said.index(words) for words in order] == sorted(said.index(words) for words in order)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Not checked yet with the present settings Next check: "),
        ({"enabled": False}, "The profile is disabled, so it is not checked."),
    ],
)
def test_the_page_says_when_somebody_looks(viewer: Client, fields: dict[str, Any], words: str) -> None:
    assert words in health_page(viewer, make_profile(**fields))


def test_a_look_that_is_late_is_said_to_be_due(viewer: Client) -> None:
    profile = make_profile()
    Profile.objects.update(updated_at=timezone.now() - HOUR)
    assert "A worker checks it as soon as it can." in health_page(viewer, profile)


def test_strangers_see_no_health(stranger: Client) -> None:
    profile = make_profile()
    assert stranger.get(page(profile, "health")).status_code == 403


def test_the_settings_page_shows_how_the_profile_has_been(admin: Client) -> None:
    profile = make_profile()
    assert "sa-strip" not in admin.get(page(profile)).content.decode()
    last_look(profile, left=6 * DAY + HOUR)
    said = text_of(admin.get(page(profile)))
    assert "All is well: the server took the password, " in said
    assert "The certificate expires in 6 days, on " in said
    assert f'href="{page(profile, "health")}"' in admin.get(page(profile)).content.decode()
    assert Look.objects.count() == 1
