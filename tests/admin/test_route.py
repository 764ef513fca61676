"""“Which profile, and why”: the page says what the command says, and leads to what is to be changed."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from smtpadmin.models import Circuit, Profile, TestState
from smtpadmin.outbox import pace
from tests.admin.forms import page, text_of
from tests.commands.conftest import run
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

ROUTE = "/admin/smtpadmin/profile/route/"
TO = "you@example.org"
SOON = datetime(2126, 11, 21, 8, 30, tzinfo=UTC)
OURS = "smtpadmin.backend.EmailBackend"
MAILERS = {
    "default": {"BACKEND": OURS},
    "alerts": {"BACKEND": OURS, "OPTIONS": {"profile": "main", "lane": "urgent"}},
    "now": {"BACKEND": OURS, "OPTIONS": {"queue": False}},
    "typo": {"BACKEND": OURS, "OPTIONS": {"lane": "quick"}},
    "console": {"BACKEND": "django.core.mail.backends.console.EmailBackend"},
}


@pytest.fixture(autouse=True)
def mailers(settings: Any) -> None:
    settings.MAILERS = MAILERS


def profile(slug: str = "main", **fields: Any) -> Profile:
    return make_profile(slug=slug, **{"password": "s3cret-value"} | fields)


def ask(client: Client, recipient: str = TO, **given: str) -> Any:
    nothing = {"sender": "", "app": "", "profile": "", "lane": ""}
    return client.get(ROUTE, nothing | given | {"recipient": recipient})


def links(response: Any) -> list[str]:
    """Return what the obstacles lead to."""
    answer = response.context
    return [each.url for stop in (answer["origin"], *answer["fallbacks"]) for each in stop.obstacles]


# Situations


def plain() -> None:
    profile(is_default=True)


def paused_with_fallbacks() -> None:
    spare = profile("spare", from_policy="replace")
    off = profile("off", enabled=False, fallback=spare)
    strict = profile("strict", from_policy="refuse", fallback=off)
    relay = profile("relay", security="none", port=25, username="", password="", fallback=strict)
    limits = {"rate_minute": 10, "rate_day": 2000, "max_message_bytes": 2**20, "max_recipients": 50}
    main = profile(is_default=True, fallback=relay, test_state=TestState.CHANGED, **limits)
    Circuit.objects.create(profile=main, reason="connect", probe_at=SOON, profile_version=main.updated_at)
    assert pace.take_for(main, ["her@example.org"]) == 0


def used_up() -> None:
    main = profile(is_default=True, rate_hour=1)
    assert pace.take_for(main, [TO]) == 0


def nothing_at_all() -> None:
    """There is no profile."""


def disabled() -> None:
    profile(enabled=False)


SITUATIONS = (plain, paused_with_fallbacks, used_up, nothing_at_all, disabled)
QUESTIONS: tuple[dict[str, str], ...] = (
    {},
    {"sender": "App <app@example.net>"},
    {"app": "alerts", "lane": "bulk"},
    {"app": "now"},
    {"recipient": "nobody"},
    {"sender": "not an address"},
)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_page_says_all_that_the_command_says(admin: Client, situation: Any, question: dict[str, str]) -> None:
    situation()
    words = ["which_profile", "--to", question.get("recipient", TO)]
    for name, option in (("sender", "--from"), ("app", "--app"), ("lane", "--lane")):
        words += [option, question[name]] if name in question else []
    said = run(*words).out.replace(" Make one with: manage.py use_profile", "").replace("\xa0", " ")
    shown = text_of(ask(admin, **question)).replace("\xa0", " ")
    shown = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&#x27;", "'")
    lines = [line[6:] if line[:6].strip() in {"ok", "WARN", "FAIL", ""} else line for line in said.splitlines() if line]
    assert lines
    assert [line for line in lines if line not in shown] == []


def test_it_says_what_the_app_asks_for_and_where_it_goes(admin: Client) -> None:
    paused_with_fallbacks()
    response = ask(admin, sender="app@example.net", app="alerts")
    shown = text_of(response)
    assert "The app “alerts” writes to you@example.org, from app@example.net. Priority: Urgent." in shown
    answer = response.context
    assert [(stop.profile.slug, stop.label) for stop in (answer["origin"], *answer["fallbacks"])] == [
        ("main", "Waits here"),
        ("relay", "Cannot take over"),
        ("strict", "Cannot take over"),
        ("off", "Cannot take over"),
    ]
    Profile.objects.filter(slug="off").update(enabled=True)
    answer = ask(admin, sender="app@example.net", app="alerts").context
    assert [stop.label for stop in (answer["origin"], *answer["fallbacks"])] == [
        "Passed over: paused", "Cannot take over", "Cannot take over", "Leaves here", "In reserve",
    ]  # fmt: skip


# What is to be done about it


@pytest.mark.parametrize(
    ("fields", "question", "field"),
    [
        ({"from_policy": "refuse"}, {"sender": "a@example.net"}, "from_policy"),
        ({"password": ""}, {}, "secret"),
        ({"provider": "qq", "username": "1@qq.com", "from_address": "1@qq.com"}, {"sender": "a@b.example"}, "address"),
    ],
)
def test_an_obstacle_leads_to_the_field_that_removes_it(
    admin: Client, fields: dict[str, Any], question: dict[str, str], field: str
) -> None:
    main = profile(is_default=True, **fields)
    (link,) = links(ask(admin, **question))
    assert link == f"{page(main)}?field={field}#id_{field}"
    assert f'id="id_{field}"' in admin.get(link).content.decode()


def test_a_limit_leads_to_the_one_that_is_used_up(admin: Client) -> None:
    used_up()
    assert links(ask(admin)) == [f"{page(Profile.objects.get())}?field=rate_hour#id_rate_hour"]


def test_weaker_and_disabled_fallbacks_and_a_failed_test_lead_somewhere_too(admin: Client) -> None:
    off = profile("off", enabled=False)
    weak = profile("weak", security="none", fallback=off)
    main = profile(is_default=True, fallback=weak, test_state=TestState.FAILING)
    assert links(ask(admin)) == [page(main, "test"), f"{page(weak)}?field=security#id_security", page(off)]


def test_a_message_that_no_profile_takes_leads_nowhere(admin: Client) -> None:
    profile(is_default=True)
    assert links(ask(admin, "nobody")) == [""]


@pytest.mark.parametrize(
    ("fields", "question", "words"),
    [
        ({"is_default": False}, {}, "Open the list, to make one the default"),
        ({"enabled": False}, {"app": "alerts"}, "Open the profile, to enable it"),
        ({"slug": "other"}, {"app": "alerts"}, ""),
    ],
)
def test_without_a_profile_it_says_where_to_go(
    admin: Client, fields: dict[str, Any], question: dict[str, str], words: str
) -> None:
    profile(**fields)
    response = ask(admin, **question)
    assert response.context["mend"] == (None if not words else (response.context["mend"][0], words))
    assert words in text_of(response)


def test_whoever_may_not_change_anything_is_led_nowhere(viewer: Client) -> None:
    used_up()
    response = ask(viewer)
    assert links(response) == [""]
    assert "Its limit is reached" in text_of(response)


# The form


def test_the_page_begins_with_the_reader_s_own_address(admin: Client) -> None:
    response = admin.get(ROUTE)
    assert 'value="admin@example.org"' in response.content.decode()
    assert "answer-title" not in response.content.decode()


def test_apps_are_those_whose_mail_comes_here(admin: Client, settings: Any) -> None:
    assert [value for value, _label in admin.get(ROUTE).context["form"].fields["app"].choices] == [
        "", "alerts", "default", "now", "typo",
    ]  # fmt: skip
    settings.MAILERS = {}
    assert "app" not in admin.get(ROUTE).context["form"].fields
    plain()
    assert "The message would leave through Main." in text_of(ask(admin))


@pytest.mark.parametrize(
    ("question", "errors"),
    [
        ({"recipient": ""}, {"recipient": ["Enter the recipient to ask about."]}),
        ({"app": "typo"}, {"app": ["MAILERS['typo']: lane must be one of urgent, normal, bulk, not 'quick'."]}),
        (
            {"app": "console"},
            {"app": ["Select a valid choice. console is not one of the available choices."]},
        ),
    ],
)
def test_what_cannot_be_meant_is_said_at_the_field(
    admin: Client, question: dict[str, str], errors: dict[str, list[str]]
) -> None:
    response = ask(admin, **question)
    assert dict(response.context["form"].errors) == errors
    assert "answer-title" not in response.content.decode()


@pytest.mark.parametrize(
    "typed", ["a@b.example\r\nBcc: x@example.org", "<script>alert(1)</script>", "\x00", "@", "é" * 300]
)
def test_odd_input_is_answered_in_words(admin: Client, typed: str) -> None:
    profile(is_default=True)
    for given in ({"recipient": typed}, {"sender": typed}):
        response = ask(admin, **given)
        assert response.status_code == 200
        assert "<script>alert" not in response.content.decode()


def test_a_locked_panel_still_answers(admin: Client, settings: Any) -> None:
    profile(is_default=True)
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    response = ask(admin)
    assert response.status_code == 200
    assert "The panel is locked: mail can neither be stored nor signed in for." in text_of(response)


def test_it_is_reached_from_the_dashboard_and_the_list(viewer: Client) -> None:
    plain()
    for address in ("/admin/smtpadmin/", "/admin/smtpadmin/profile/"):
        assert f'href="{ROUTE}"' in viewer.get(address).content.decode()


def test_the_secret_s_place_is_no_part_of_the_answer(admin: Client) -> None:
    main = profile(is_default=True)
    assert main.sealed_password not in ask(admin).content.decode()


def test_profiles_that_are_not_on_the_way_cost_nothing(admin: Client) -> None:
    profile(is_default=True)
    address = f"{ROUTE}?{urlencode({'recipient': TO, 'sender': '', 'profile': '', 'lane': '', 'app': ''})}"
    counts = []
    for number in range(2):
        for extra in range(3 * number):
            profile(f"other-{extra}")
        with CaptureQueriesContext(connection) as queries:
            admin.get(address)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(("state", "tone"), [(TestState.WORKING, "ok"), (TestState.FAILING, "warn")])
def test_the_answer_is_green_only_where_nothing_speaks_against_it(admin: Client, state: TestState, tone: str) -> None:
    profile(is_default=True, test_state=state)
    assert ask(admin).context["tone"] == tone
