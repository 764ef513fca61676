"""Which profile a message would leave through, and why: the same answer that real mail gets."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import override_settings
from django.utils import timezone, translation

from smtpadmin import outbox, routing
from smtpadmin.compose import asked_from, compose
from smtpadmin.diagnosis import provider_of
from smtpadmin.models import Circuit, Lane, Message, Profile, TestState
from smtpadmin.outbox import pace
from smtpadmin.outbox.pace import Left
from smtpadmin.profiles import Reason
from smtpadmin.providers import check_from
from smtpadmin.rates import Rate
from smtpadmin.routing import App, Effect, Finding, NoApp, Route, Stop
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db


def profile(slug: str = "main", **fields: Any) -> Profile:
    return make_profile(slug=slug, **{"password": "s3cret-value"} | fields)


def explain(asked: str = "", **options: Any) -> Route:
    return routing.explain(from_address=asked, recipient="you@example.org", **options)


def pause(paused: Profile) -> None:
    Circuit.objects.update_or_create(
        profile=paused,
        defaults={
            "reason": "connect",
            "probe_at": timezone.now() + timedelta(minutes=5),
            "profile_version": paused.updated_at,
        },
    )


def found(stop: Stop | None) -> list[tuple[Finding, Effect]]:
    assert stop is not None
    return [(obstacle.finding, obstacle.effect) for obstacle in stop.obstacles]


# Which one, and why


def test_the_profile_that_the_app_names_goes_first() -> None:
    profile(is_default=True)
    named = profile("alerts")
    route = explain("notify@example.com", slug="alerts")
    assert (route.reason, route.why) == (Reason.NAMED, "The app names this profile.")
    assert route.origin == Stop(profile=named, from_header="notify@example.com")
    assert (route.through, route.leaves_now, route.fallbacks) == (route.origin, True, ())


def test_then_the_one_whose_from_it_is() -> None:
    profile(is_default=True)
    mine = profile("shop", from_address="shop@example.com", from_name="Shop")
    route = explain("The Shop <Shop@Example.com>")
    assert (route.reason, route.why) == (
        Reason.FROM_ADDRESS,
        "Its From address is the message's, shop@example.com.",
    )
    assert route.origin == Stop(profile=mine, from_header="The Shop <Shop@Example.com>")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("", "It is the default, and the message names neither a profile nor a From address."),
        ("app@example.net", "It is the default, and no enabled profile has the From address app@example.net."),
    ],
)
def test_else_the_default(asked: str, why: str) -> None:
    profile(is_default=True)
    assert (explain(asked).reason, explain(asked).why) == (Reason.DEFAULT, why)


@override_settings(DEFAULT_FROM_EMAIL="site@example.com")
def test_an_app_that_says_no_from_says_the_project_s() -> None:
    profile(is_default=True)
    assert explain().why == "It is the default, and no enabled profile has the From address site@example.com."


@pytest.mark.parametrize(
    ("slug", "why"),
    [
        ("", "There is no default profile, so this mail is refused."),
        ("off", "The app names the profile “off”, which is disabled, so this mail is refused."),
        ("gone", "The app names the profile “gone”, which does not exist, so this mail is refused."),
    ],
)
def test_without_a_profile_it_says_what_is_missing(slug: str, why: str) -> None:
    profile("off", enabled=False)
    route = explain(slug=slug)
    assert (route.why, route.origin, route.through, route.leaves_now) == (why, None, None, False)


# What readers see, and what is in the way


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({"from_policy": "keep"}, ("App <app@example.net>", "")),
        ({"from_policy": "replace", "from_name": "Own"}, ("App <notify@example.com>", "App <app@example.net>")),
        ({"from_policy": "keep", "reply_to": "help@example.com"}, ("App <app@example.net>", "help@example.com")),
    ],
)
def test_from_and_reply_to_are_what_the_profile_makes_of_them(fields: dict[str, Any], seen: tuple[str, str]) -> None:
    profile(is_default=True, **fields)
    origin = explain("App <app@example.net>").origin
    assert origin is not None
    assert (origin.from_header, origin.reply_to) == seen


def test_a_from_that_the_profile_refuses_ends_the_way() -> None:
    profile(is_default=True, from_policy="refuse", fallback=profile("spare"))
    route = explain("app@example.net")
    assert found(route.origin) == [(Finding.FROM_POLICY, Effect.REFUSED)]
    assert route.origin is not None
    assert route.origin.obstacles[0].text == (
        "The profile “Main” sends only from notify@example.com, and the message is from app@example.net."
    )
    assert (route.through, route.leaves_now) == (None, False)


def test_a_from_that_the_provider_is_known_to_refuse_is_doubtful() -> None:
    profile(is_default=True, provider="qq", username="1@qq.com", from_address="1@qq.com")
    route = explain("app@example.net")
    assert found(route.origin) == [(Finding.FROM_RULE, Effect.DOUBTFUL)]
    assert route.leaves_now


@pytest.mark.parametrize(("recipient", "asked"), [("nobody", ""), ("you@example.org", "nobody"), ("a@b.example", "@")])
def test_an_address_that_is_none_is_refused_at_once(recipient: str, asked: str) -> None:
    profile(is_default=True, fallback=profile("spare"))
    route = routing.explain(recipient=recipient, from_address=asked)
    assert route.fallbacks == ()
    assert found(route.origin) == [(Finding.MESSAGE, Effect.REFUSED)]
    assert route.through is None


@pytest.mark.parametrize(
    ("fields", "obstacle"),
    [
        ({"password": ""}, (Finding.NO_SECRET, Effect.WAITS)),
        ({"password": "", "username": ""}, None),
        ({"password": "", "sign_in": "none"}, None),
        ({"test_state": TestState.FAILING}, (Finding.TEST_FAILED, Effect.DOUBTFUL)),
        ({"test_state": TestState.CHANGED}, None),
    ],
)
def test_what_would_stop_it_at_the_server_is_said_before(fields: dict[str, Any], obstacle: Any) -> None:
    profile(is_default=True, **fields)
    assert found(explain().origin) == ([obstacle] if obstacle else [])


def test_a_secret_for_other_settings_cannot_sign_in() -> None:
    profile(is_default=True)
    Profile.objects.update(username="somebody@example.com")
    route = explain()
    assert (found(route.origin), route.leaves_now) == ([(Finding.NO_SECRET, Effect.WAITS)], False)


@pytest.mark.parametrize(
    ("queue", "password", "locked"), [(True, "x", True), (True, "", True), (False, "x", True), (False, "", False)]
)
def test_a_locked_panel_refuses_what_it_would_have_to_seal_or_to_open(
    settings: Any, queue: bool, password: str, locked: bool
) -> None:
    profile("other")
    profile(is_default=True, password=password, username="notify@example.com" if password else "")
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    route = explain(queue=queue)
    assert found(route.origin) == ([(Finding.LOCKED, Effect.REFUSED)] if locked else [])
    assert route.leaves_now is not locked


# Limits


def test_limits_left_are_counted_without_using_them() -> None:
    main = profile(is_default=True, provider="tencent-ses", rate_minute=10, rate_day=100)
    for _ in range(3):
        assert pace.take_for(main, ["you@example.org"]) == 0
    for lane, per_minute, per_day in ((Lane.URGENT, 7, 97), (Lane.NORMAL, 6, 87)):
        origin = explain(lane=lane).origin
        assert origin is not None
        assert origin.limits == (
            Left(rate=Rate(10, 60), left=per_minute, of_recipient=False),
            Left(rate=Rate(100, 86400), left=per_day, of_recipient=False),
            Left(rate=Rate(10, 3600), left=7 if lane is Lane.URGENT else 6, of_recipient=True),
        )
    elsewhere = routing.explain(recipient="her@example.org").origin
    assert elsewhere is not None
    assert elsewhere.limits[-1] == Left(rate=Rate(10, 3600), left=9, of_recipient=True)


def test_a_rate_that_is_used_up_makes_it_wait_and_moves_it_nowhere() -> None:
    main = profile(is_default=True, rate_hour=1, fallback=profile("spare"))
    assert pace.take_for(main, ["you@example.org"]) == 0
    route = explain()
    assert found(route.origin) == [(Finding.RATE, Effect.WAITS)]
    assert (route.through, route.leaves_now) == (route.origin, False)


# Fallbacks


def test_who_may_take_over_and_who_may_not_is_said_in_order() -> None:
    last = profile("last")
    off = profile("off", enabled=False, fallback=last)
    strict = profile("strict", from_policy="refuse", fallback=off)
    weak = profile("weak", security="none", fallback=strict)
    good = profile("good", fallback=weak, from_policy="replace", from_address="good@example.net")
    main = profile(is_default=True, fallback=good)
    pause(main)
    route = explain("App <app@example.org>")
    assert [stop.profile.slug for stop in route.fallbacks] == ["good", "weak", "strict", "off"]
    assert [found(stop) for stop in route.fallbacks] == [
        [],
        [(Finding.WEAKER, Effect.REFUSED)],
        [(Finding.FROM_POLICY, Effect.REFUSED)],
        [(Finding.DISABLED, Effect.REFUSED)],
    ]
    assert (route.fallbacks[0].from_header, route.fallbacks[0].reply_to) == (
        '"App" <good@example.net>',
        '"App" <app@example.org>',
    )
    assert found(route.origin) == [(Finding.PAUSED, Effect.WAITS)]
    assert (route.through, route.leaves_now) == (route.fallbacks[0], True)


def test_a_pause_says_when_the_next_try_is() -> None:
    main = profile(is_default=True)
    pause(main)
    origin = explain().origin
    assert origin is not None
    assert origin.obstacles[0].text == "It is paused: The server is out of reach."
    assert origin.obstacles[0].until == Circuit.objects.get().probe_at
    Profile.objects.get().save()  # an edit
    assert found(explain().origin) == []


def test_what_is_not_queued_has_no_fallback() -> None:
    main = profile(is_default=True, fallback=profile("spare"))
    pause(main)
    route = explain(queue=False)
    assert (route.queued, route.fallbacks, route.through) == (False, (), route.origin)


def test_the_setting_decides_whether_mail_is_queued(settings: Any) -> None:
    profile(is_default=True)
    assert explain().queued
    settings.SMTPADMIN = {**settings.SMTPADMIN, "QUEUE": False}
    assert not explain().queued


def _nobody(_origin: Profile, _first: Profile, _second: Profile) -> None: ...


def _origin_paused(origin: Profile, _first: Profile, _second: Profile) -> None:
    pause(origin)


def _two_paused(origin: Profile, first: Profile, _second: Profile) -> None:
    pause(origin)
    pause(first)


def _all_paused(origin: Profile, first: Profile, second: Profile) -> None:
    pause(origin)
    pause(first)
    pause(second)


@pytest.mark.parametrize("situation", [_nobody, _origin_paused, _two_paused, _all_paused])
@pytest.mark.parametrize("asked", ["", "notify@example.com", "App <app@example.net>"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"from_policy": "refuse"},
        {"from_policy": "replace"},
        {"enabled": False},
        {"security": "none"},
        {"skip_verify": True, "skip_verify_reason": "a test"},
        {"provider": "qq", "username": "1@qq.com", "from_address": "1@qq.com"},
    ],
)
def test_the_answer_is_where_real_mail_goes(
    situation: Callable[[Profile, Profile, Profile], None], asked: str, fields: dict[str, Any]
) -> None:
    second = profile("second")
    first = profile("first", fallback=second, **fields)
    main = profile(is_default=True, fallback=first)
    situation(main, first, second)
    message = EmailMessage("Hello", "Text", asked or None, ["you@example.org"])
    outgoing = outbox.Outgoing(profile=main, envelope=compose(message, main), asked_from=asked_from(message))
    route = explain(asked)
    outbox.enqueue([outgoing])
    outbox.move_waiting()
    assert route.through is not None
    assert Message.objects.get().profile_slug == route.through.profile.slug


# Apps


MAILERS = {
    "default": {"BACKEND": "smtpadmin.backend.EmailBackend"},
    "alerts": {
        "BACKEND": "smtpadmin.backend.EmailBackend",
        "OPTIONS": {"profile": "alerts", "lane": "urgent", "queue": False},
    },
    "typo": {"BACKEND": "smtpadmin.backend.EmailBackend", "OPTIONS": {"lane": "quick"}},
    "console": {"BACKEND": "django.core.mail.backends.console.EmailBackend"},
}


def test_apps_are_the_entries_of_mailers_whose_mail_comes_here(settings: Any) -> None:
    settings.MAILERS = MAILERS
    assert routing.apps() == ["alerts", "default", "typo"]
    settings.MAILERS = {}
    assert routing.apps() == []


@pytest.mark.parametrize(
    ("name", "said"), [("default", App()), ("alerts", App(profile="alerts", lane=Lane.URGENT, queue=False))]
)
def test_an_app_is_an_entry_of_mailers(settings: Any, name: str, said: App) -> None:
    settings.MAILERS = MAILERS
    assert routing.app(name) == said


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shop", "MAILERS has no entry “shop”. It has: alerts, console, default, typo."),
        ("console", "The mail of MAILERS[“console”] does not come here: it has another backend."),
        ("typo", "MAILERS['typo']: lane must be one of urgent, normal, bulk, not 'quick'."),
    ],
)
def test_what_is_no_app_of_ours_is_said_to_be_none(settings: Any, name: str, text: str) -> None:
    settings.MAILERS = MAILERS
    with pytest.raises(NoApp) as raised:
        routing.app(name)
    assert str(raised.value) == text


def test_provider_rules_are_told_in_the_reader_s_language() -> None:
    main = profile(is_default=True, provider="qq", username="1@qq.com", from_address="1@qq.com")
    qq = provider_of(main.provider)
    assert qq is not None
    problem = check_from(qq, username=main.username, address="app@example.net")
    assert problem is not None
    for language, text in (("en", problem.text.en), ("zh-hans", problem.text.zh)):
        with translation.override(language):
            origin = explain("app@example.net").origin
        assert origin is not None
        assert origin.obstacles[0].text == text
