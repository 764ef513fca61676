"""`support_bundle`: everything that somebody who helps has to know, and nothing that nobody may."""

import json
import platform
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.utils import timezone

from smtpadmin import __version__, outbox, profiles, support_bundle
from smtpadmin.models import Circuit, Lane, Profile, WorkerBeat
from smtpadmin.smtp import Secret
from smtpadmin.testing import Report, StepRecord
from tests.commands.conftest import run
from tests.support import canary
from tests.support.mail import claimed, outgoing, put
from tests.support.manage import manage
from tests.support.profiles import make_profile
from tests.support.smtpd import StartServer

AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
#: Of every form but the one that is only a part of it.
FORMS = [form for name, form in canary.forms() if name != "raw, start"]
RECIPIENT = "ops.team@example.org"
RECIPIENTS = (
    RECIPIENT, "OPS.TEAM@EXAMPLE.ORG", '"ops team"@example.org', "ops@[192.0.2.9]", "运维@例子.example",
    "bounce+ops=example.org@example.net",
)  # fmt: skip


def bundle(*words: str) -> dict[str, Any]:
    ended = run("support_bundle", *words, "--json")
    assert (ended.code, ended.err) == (0, "")
    answer: dict[str, Any] = json.loads(ended.out)
    return answer


def report(*texts: str, recipient: str = RECIPIENT) -> dict[str, Any]:
    """Return a failed test's report with these words in every place that takes words."""
    words = " ".join(texts)
    facts = (("address", recipient), ("subject", words), ("names", words), ("issuer", words), ("offers", words))
    step = StepRecord(
        stage="rcpt", status="failed", seconds=0.5, reply=f"550 {words}", facts=facts,
        said=(f"C: RCPT TO:<{recipient}>", f"S: 550 5.1.1 <{recipient}> {words}", *texts),
    )  # fmt: skip
    whole = Report(
        ok=False, sent=False, at=AT, seconds=0.5, server=f"smtp.example.com:465 {words}", provider="",
        recipient=recipient, steps=(step,),
    ).as_json()  # fmt: skip
    failure = {"stage": "rcpt", "cause": "recipient_refused", "code": 550, "enhanced": "5.1.1"}
    return whole | {"failure": failure | {"text": f"<{recipient}>: {words}"}}


# What is in it


@pytest.mark.django_db
def test_versions_and_the_database_are_named() -> None:
    found = bundle()
    assert (found["version"], found["software"]["packages"].keys() >= {"cryptography", "msgspec"}) == (1, True)
    assert {key: found["software"][key] for key in ("smtpadmin", "django", "python", "openssl", "platform")} == {
        "smtpadmin": __version__,
        "django": django.get_version(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "platform": platform.platform(),
    }
    assert found["database"] == {
        "engine": connection.vendor,
        "version": ".".join(map(str, connection.get_database_version())),
        "missing_migrations": [],
    }


@pytest.mark.django_db
def test_settings_are_values_where_they_are_harmless_and_sizes_elsewhere(settings: Any) -> None:
    settings.SMTPADMIN = {**settings.SMTPADMIN, "TESTS_PER_MINUTE": 3, "DENIED_NETWORKS": ["10.0.0.0/8"]}
    settings.MAILERS = {"alerts": {"BACKEND": "smtpadmin.backend.EmailBackend", "OPTIONS": {"profile": "alerts"}}}
    found = bundle()
    assert (found["settings"]["values"]["TIME_ZONE"], found["settings"]["values"]["DEBUG"]) == ("UTC", False)
    assert found["settings"]["sizes"]["SECRET_KEY"] == f"str, {len(settings.SECRET_KEY)}"
    assert found["settings"]["sizes"]["ALLOWED_HOSTS"].startswith("list, ")
    ours = found["settings"]["smtpadmin"]
    assert (ours["TESTS_PER_MINUTE"], ours["DENIED_NETWORKS"], ours["KEYS"]) == (3, "list, 1", "list, 1")
    assert found["settings"]["mailers"] == [
        {"name": "alerts", "backend": "smtpadmin.backend.EmailBackend", "options": ["profile"]}
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, (1, None)),
        ([], (0, "missing")),
        (["none"], (1, "malformed")),
        ([Fernet.generate_key().decode()], (1, "wrong")),
    ],
)
def test_the_keys_are_counted_and_their_lock_is_named(settings: Any, given: Any, expected: tuple[int, Any]) -> None:
    make_profile(password="s3cret-value")
    if given is not None:
        settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": given}
    found = bundle()
    assert (found["keys"]["count"], found["keys"]["locked"]) == expected
    assert found["profiles"][0]["secret"] == ("locked" if expected[1] else "stored")
    assert [check["id"] for check in found["checks"]] == (["smtpadmin.E001"] if expected[1] == "malformed" else [])


@pytest.mark.django_db
def test_a_profile_is_there_with_its_pause_and_its_last_test() -> None:
    spare = make_profile(slug="spare", password="s3cret-value")
    Profile.objects.filter(pk=spare.pk).update(username="somebody@example.com")
    main = make_profile(is_default=True, fallback=spare, ca_pem="abc", test_report=report("No such user"))
    Circuit.objects.create(profile=main, reason="connect", failures=3, since=AT, reply="421 Try later")
    main_found, spare_found = bundle()["profiles"]
    chosen = ("slug", "host", "port", "security", "username", "fallback", "ca_pem", "secret", "is_default")
    assert {key: main_found[key] for key in chosen} == {
        "slug": "main",
        "host": "smtp.example.com",
        "port": 465,
        "security": "tls",
        "username": "notify@example.com",
        "fallback": "spare",
        "ca_pem": 3,
        "secret": "none",
        "is_default": True,
    }
    pause = main_found["pause"]
    assert (pause["reason"], pause["failures"], pause["since"], pause["reply"]) == (
        "connect", 3, "2026-11-20T08:30:00+00:00", "421 Try later",
    )  # fmt: skip
    test = main_found["last_test"]
    assert (test["ok"], test["failure"]["code"], test["diagnosis"]["side"]) == (False, 550, "recipient")
    assert test["steps"][0]["said"] == [
        "C: RCPT TO:<(address)>", "S: 550 5.1.1 <(address)> No such user", "No such user",
    ]  # fmt: skip
    assert (spare_found["secret"], spare_found["pause"], spare_found["last_test"]) == ("for other settings", None, None)


@pytest.mark.django_db
def test_one_profile_alone_on_request() -> None:
    make_profile()
    make_profile(slug="spare")
    assert [found["slug"] for found in bundle("spare")["profiles"]] == ["spare"]
    ended = run("support_bundle", "other")
    assert (ended.code, ended.out, ended.err) == (
        2, "", "There is no SMTP profile “other”. There are: main, spare.\n",
    )  # fmt: skip


@pytest.mark.django_db
def test_the_queue_is_counted_by_state_and_lane_and_workers_are_there_with_their_beat() -> None:
    main = make_profile(is_default=True)
    first, *_rest = [put(main) for _ in range(3)]
    put(main, lane=Lane.URGENT)
    claimed(main)
    beat = timezone.now() - timedelta(seconds=3)
    WorkerBeat.objects.create(name="w1", host="mail-1", pid=7, started_at=AT, beat_at=beat)
    found = bundle()
    assert [(row["state"], row["lane"], row["count"]) for row in found["queue"]] == [
        ("sending", "urgent", 1), ("sending", "normal", 3),
    ]  # fmt: skip
    assert found["queue"][1]["oldest"] == first.created_at.isoformat(timespec="seconds")
    assert found["workers"] == [
        {
            "name": "w1",
            "host": "mail-1",
            "pid": 7,
            "started_at": AT.isoformat(),
            "beat_at": beat.isoformat(timespec="seconds"),
        }
    ]


# What is not


def with_canaries(text: str) -> None:
    """Write `text`, which holds the canary, into every field that takes a text; the canary is a stored secret too."""
    main = make_profile(
        name=f"A {text}"[:100], host="smtp.example.com", username=canary.USERNAME, from_name=text[:200],
        from_address="notify@example.com", skip_verify=True, skip_verify_reason=text[:200],
        test_report=report(text), is_default=True,
    )  # fmt: skip
    profiles.set_password(main, Secret(canary.PASSWORD))
    Profile.objects.filter(pk=main.pk).update(
        sealed_password=main.sealed_password, reply_to=text[:254], ehlo_name=text[:253], pinned_sha256=text[:95],
        dkim_selector=text[:63], ca_pem=text,
    )  # fmt: skip
    Circuit.objects.create(profile=main, reason="auth", reply=f"535 {text}"[:512], enhanced="5.7.8")
    WorkerBeat.objects.create(name=text[:64], host=text[:253], pid=1, started_at=AT, beat_at=AT)
    message = outgoing(main, RECIPIENT, content=f"Subject: {text}\r\n\r\n{text}\r\n".encode(), asked_from=text)
    outbox.enqueue([message])


@pytest.mark.django_db
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_no_field_that_it_was_written_to(settings: Any, form: str) -> None:
    with_canaries(form)
    settings.SMTPADMIN = {**settings.SMTPADMIN, "PROVIDERS_FILE": f"/nowhere/{form}", canary.PASSWORD: form}
    settings.MAILERS = {form: {"BACKEND": form, "OPTIONS": {form: form}}}
    settings.TIME_ZONE = "UTC"
    settings.DEFAULT_FROM_EMAIL = settings.SERVER_EMAIL = f"{form} <app@example.com>"
    for words in ((), ("--json",)):
        ended = run("support_bundle", *words)
        assert (ended.code, canary.found_in(ended.out), canary.found_in(ended.err)) == (0, [], [])
        assert "smtp.example.com" in ended.out


@pytest.mark.django_db
def test_keys_and_passwords_of_the_installation_are_in_it_neither(settings: Any) -> None:
    key = settings.SMTPADMIN["KEYS"][0]
    secret = settings.SECRET_KEY
    make_profile(test_report=report(key, secret))
    out = run("support_bundle").out
    assert key not in out
    assert secret not in out


@pytest.mark.django_db
@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_recipients_are_left_out(recipient: str) -> None:
    main = make_profile(is_default=True, test_report=report("No such user", recipient=recipient))
    Circuit.objects.create(profile=main, reason="quota", reply=f"550 {recipient} over quota; try {recipient}, please")
    put(main, recipient)
    for words in ((), ("--json",)):
        out = run("support_bundle", *words).out
        assert recipient.lower() not in out.lower()
        assert recipient.rpartition("@")[0].strip('"').lower() not in out.lower()
        assert "notify@example.com" in out


@pytest.mark.django_db
def test_a_user_name_that_is_the_secret_is_not_shown() -> None:
    make_profile(provider="postmark", username="a-token-of-somebody")
    assert bundle()["profiles"][0]["username"] == "***"


@pytest.mark.django_db
def test_a_real_test_is_told_without_its_recipient(smtp_server: StartServer, profile_on: Any) -> None:
    profile_on(smtp_server(replies={RECIPIENT: f"550 5.1.1 <{RECIPIENT}> unknown"}))
    assert run("send_test", "main", "--to", RECIPIENT).code == 1
    out = run("support_bundle").out
    assert "    C: RCPT TO:<(address)>\n    S: 550 5.1.1 <(address)> unknown\n" in out
    assert "    C: MAIL FROM:<notify@example.com>" in out
    assert "    C: AUTH PLAIN ***\n" in out
    assert RECIPIENT not in out


# As a text


@pytest.mark.django_db
def test_the_text_has_the_same_parts_in_order(settings: Any) -> None:
    make_profile(is_default=True, test_report=report("No such user"))
    text = run("support_bundle").out
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert heads == [
        "# smtpadmin support bundle",
        "## Versions",
        "## Database",
        "## Settings",
        "## Encryption keys",
        "## System checks",
        "## Queue",
        "## Workers",
        "## Profiles",
        "### main",
        "#### Last test",
    ]
    whole = support_bundle.collect()
    whole["made_at"] = text.splitlines()[2].split()[2].rstrip(".")
    assert text == support_bundle.as_markdown(whole)
    assert text.splitlines()[2].endswith("It holds no password, no message and no recipient's address.")
    assert (
        "~~~~~~~~\n[failed] Name the recipient (RCPT TO)  500 ms\n    address: (address)\n    subject: No such user\n"
    ) in text
    assert "\n1. " in text.partition("~~~~~~~~\n")[2]


@pytest.mark.django_db(transaction=True)
def test_from_the_command_line_also_where_the_database_is_away() -> None:
    make_profile(is_default=True)
    ended = manage("support_bundle", "main")
    assert (ended.code, ended.err) == (0, "")
    assert "### main" in ended.out
    away = manage("support_bundle", "main", "--json", DATABASE_URL="postgresql://nobody:dbs3cret@127.0.0.1:1/none")
    found = json.loads(away.out)
    assert (away.code, away.err, "dbs3cret" in away.out) == (0, "", False)
    errors = {name for name, part in found.items() if isinstance(part, dict) and "error" in part}
    assert errors == {"database", "profiles", "queue", "workers", "keys"}
    assert found["queue"]["error"].startswith("OperationalError: connection")
    assert found["software"]["smtpadmin"] == __version__
