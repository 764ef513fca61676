"""`which_profile`: the route in words and as JSON; the rules themselves are `tests/test_routing.py`'s."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from smtpadmin.models import Circuit, Profile, TestState
from smtpadmin.outbox import pace
from tests.commands.conftest import run
from tests.support.manage import manage
from tests.support.profiles import make_profile

TO = ("--to", "you@example.org")
SOON = datetime(2126, 11, 21, 8, 30, tzinfo=UTC)

PLAIN = """\
ok    The message would leave through Main.

ok    Main (main, smtp.example.com:465)
      It is the default, and the message names neither a profile nor a From address.
      From: notify@example.com

No fallback would take over.
"""
FULL = """\
ok    The message would leave through Spare, because Main is paused.

WARN  Main (main, smtp.example.com:465)
      It is the default, and no enabled profile has the From address app@example.net.
      It is paused: The server is out of reach. Next try: 2126-11-21 08:30:00.
      From: App <app@example.net>
      Left of its limits: 8 of 10 per minute
      Largest message: 1.0\xa0MB
      Most recipients per message: 50

May take over, in this order

FAIL  Relay (relay, smtp.example.com:25)
      Its connection is guarded less well than that of Main.
      From: "App" <app@example.net>

ok    Spare (spare, smtp.example.com:465)
      From: "App" <notify@example.com>
      Reply-To: "App" <app@example.net>
"""
REFUSED = """\
FAIL  The message would be refused.

FAIL  Main (main, smtp.example.com:465)
      The app names this profile.
      The profile “Main” sends only from notify@example.com, and the message is from app@example.net.

The app waits for the server's answer: nothing is queued, so no fallback takes over.
"""
WAITS = """\
WARN  The message would wait for Main.

WARN  Main (main, smtp.example.com:465)
      It is the default, and the message names neither a profile nor a From address.
      It has a user name and no secret, so it cannot sign in.
      From: notify@example.com

No fallback would take over.
"""


def profile(slug: str = "main", **fields: Any) -> Profile:
    return make_profile(slug=slug, **{"password": "s3cret-value"} | fields)


def paused_with_fallbacks() -> Profile:
    spare = profile("spare", from_policy="replace")
    relay = profile("relay", security="none", port=25, username="", password="", fallback=spare)
    limits = {"rate_minute": 10, "max_message_bytes": 2**20, "max_recipients": 50}
    main = profile(is_default=True, fallback=relay, **limits)
    Circuit.objects.create(profile=main, reason="connect", probe_at=SOON, profile_version=main.updated_at)
    return main


@pytest.mark.django_db
def test_the_plain_case_is_short() -> None:
    profile(is_default=True)
    ended = run("which_profile", *TO)
    assert (ended.code, ended.out, ended.err) == (0, PLAIN, "")


@pytest.mark.django_db
def test_a_pause_the_fallbacks_and_what_limits_leave_are_all_there() -> None:
    main = paused_with_fallbacks()
    assert pace.take_for(main, ["her@example.org"]) == 0
    ended = run("which_profile", "--from", "App <app@example.net>", *TO)
    assert (ended.code, ended.out, ended.err) == (0, FULL, "")


@pytest.mark.django_db
def test_what_would_be_refused_ends_with_1(settings: Any) -> None:
    settings.MAILERS = {
        "alerts": {"BACKEND": "smtpadmin.backend.EmailBackend", "OPTIONS": {"profile": "main", "queue": False}}
    }
    profile(from_policy="refuse")
    ended = run("which_profile", "--app", "alerts", "--from", "app@example.net", *TO)
    assert (ended.code, ended.out, ended.err) == (1, REFUSED, "")


@pytest.mark.django_db
def test_what_would_wait_ends_with_1_too() -> None:
    profile(is_default=True, password="")
    ended = run("which_profile", *TO)
    assert (ended.code, ended.out, ended.err) == (1, WAITS, "")


@pytest.mark.django_db
def test_without_a_profile_one_line_says_why() -> None:
    ended = run("which_profile", *TO)
    said = "FAIL  There is no default profile, so this mail is refused. Make one with: manage.py use_profile\n"
    assert (ended.code, ended.out) == (1, said)


@pytest.mark.django_db
def test_a_program_gets_one_object() -> None:
    paused_with_fallbacks()
    ended = run("which_profile", "--from", "app@example.net", "--lane", "urgent", *TO, "--json")
    answer = json.loads(ended.out)
    server = {"host": "smtp.example.com", "port": 465, "security": "tls"}
    nothing = {"obstacles": [], "limits": [], "max_message_bytes": None, "max_recipients": None}
    assert (ended.code, answer) == (
        0,
        {
            "version": 1,
            "command": "which_profile",
            "recipient": "you@example.org",
            "lane": "urgent",
            "queued": True,
            "why": "It is the default, and no enabled profile has the From address app@example.net.",
            "reason": "default",
            "through": "spare",
            "leaves_now": True,
            "origin": {
                "profile": "main",
                "server": server,
                "from": "app@example.net",
                "reply_to": None,
                "obstacles": [
                    {
                        "finding": "paused",
                        "effect": "waits",
                        "text": "It is paused: The server is out of reach.",
                        "until": "2126-11-21T08:30:00+00:00",
                    }
                ],
                "limits": [{"seconds": 60, "count": 10, "left": 10, "of_recipient": False}],
                "max_message_bytes": 2**20,
                "max_recipients": 50,
            },
            "fallbacks": [
                {
                    **nothing,
                    "profile": "relay",
                    "server": {"host": "smtp.example.com", "port": 25, "security": "none"},
                    "from": "app@example.net",
                    "reply_to": None,
                    "obstacles": [
                        {
                            "finding": "weaker",
                            "effect": "refused",
                            "text": "Its connection is guarded less well than that of Main.",
                            "until": None,
                        }
                    ],
                },
                {
                    **nothing,
                    "profile": "spare",
                    "server": server,
                    "from": "notify@example.com",
                    "reply_to": "app@example.net",
                },
            ],
        },
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--app", "shop", *TO], 2, "MAILERS has no entry “shop”. It has: none.\n"),
        (["--from", "a@example.com"], 1, "Error: the following arguments are required: --to\n"),
    ],
)
def test_what_cannot_be_meant_says_so(settings: Any, words: list[str], code: int, said: str) -> None:
    settings.MAILERS = {}
    ended = run("which_profile", *words)
    assert (ended.code, ended.out, ended.err) == (code, "", said)


@pytest.mark.django_db
def test_a_doubt_is_marked_and_does_not_stop_it() -> None:
    profile(is_default=True, test_state=TestState.FAILING, tested_at=timezone.now() - timedelta(days=1))
    ended = run("which_profile", *TO)
    assert ended.code == 0
    assert ended.out.splitlines()[0] == "ok    The message would leave through Main."
    assert "      Its last test failed. See why: manage.py smtp_check main" in ended.out.splitlines()


@pytest.mark.django_db(transaction=True)
def test_from_the_command_line() -> None:
    profile(is_default=True)
    ended = manage("which_profile", *TO)
    assert (ended.code, ended.out, ended.err) == (0, PLAIN, "")
    assert manage("which_profile").code == 2
