"""`smtp_check`: steps, verdict and exit codes; of a profile, and of any server without a database."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from smtpadmin import __version__
from smtpadmin.models import Profile, TestState
from smtpadmin.smtp import Security
from tests.commands.conftest import run, timeless
from tests.support.behaviours import say
from tests.support.certificates import CertificateFactory
from tests.support.hostile import Phase, hostile_server
from tests.support.manage import at_a_terminal, manage
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, StartServer

ProfileOn = Callable[..., Profile]

WORKS = """\
127.0.0.1:{port}  None (not encrypted)

ok    Find the server (DNS)                TIME  127.0.0.1
ok    Connect (TCP)                        TIME  127.0.0.1
ok    Introduce ourselves (EHLO)           TIME  The server offers SIZE, 8BITMIME, SMTPUTF8, AUTH, HELP
ok    Sign in (AUTH)                       TIME  Signed in with PLAIN

ok    It works: 127.0.0.1:{port} accepts the sign-in.
      Nothing was sent. With a recipient, sender and recipient are asked about too.
"""
ASKED = """\
127.0.0.1:{port}  None (not encrypted)

ok    Find the server (DNS)                TIME  127.0.0.1
ok    Connect (TCP)                        TIME  127.0.0.1
ok    Introduce ourselves (EHLO)           TIME  The server offers SIZE, 8BITMIME, SMTPUTF8, AUTH, HELP
ok    Sign in (AUTH)                       TIME  Signed in with PLAIN
ok    Name the sender (MAIL FROM)          TIME  250 2.1.0 Sender ok
ok    Name the recipient (RCPT TO)         TIME  250 2.1.5 Recipient ok

ok    It works: the server would take a message for you@example.org.
      Signed in, sender and recipient accepted. Nothing was sent, as you asked.
"""
REFUSED = """\
127.0.0.1:{port}  None (not encrypted)

ok    Find the server (DNS)                TIME  127.0.0.1
ok    Connect (TCP)                        TIME  127.0.0.1
ok    Introduce ourselves (EHLO)           TIME  The server offers SIZE, 8BITMIME, SMTPUTF8, AUTH, HELP
FAIL  Sign in (AUTH)                       TIME  535 5.7.8 Authentication credentials invalid

FAIL  {title}
      Stopped at AUTH
      {cause}
      You can mend this here or in your account

What to do
{steps}

In the original: 535 5.7.8 Authentication credentials invalid
"""
REFUSED_IN_CHINESE = """\
127.0.0.1:{port}  不加密

ok    查找服务器（DNS）                 TIME  127.0.0.1
ok    连接（TCP）                       TIME  127.0.0.1
ok    报告本机名称（EHLO）              TIME  服务器支持 SIZE, 8BITMIME, SMTPUTF8, AUTH, HELP
FAIL  登录（AUTH）                      TIME  535 5.7.8 Authentication credentials invalid

FAIL  {title}
      停在 AUTH 阶段
      {cause}
      问题出在您这一方：可以在此处或您的账号中解决

解决办法
{steps}

原文： 535 5.7.8 Authentication credentials invalid
"""


def explained(template: str, profile: Profile, language: str) -> str:
    """Fill in what the decoder says of a refused sign-in: its words have tests of their own."""
    from smtpadmin.providers import Failure, explain

    text = "5.7.8 Authentication credentials invalid"
    said = explain(Failure(stage="auth", cause="auth_refused", code=535, enhanced="5.7.8", text=text))
    return template.format(
        port=profile.port,
        title=said.title.get(language),
        cause=said.cause.get(language),
        steps="\n".join(f"  {number}. {step.get(language)}" for number, step in enumerate(said.steps, start=1)),
    )


# A profile


@pytest.mark.django_db
def test_a_working_profile_is_shown_step_by_step_and_nothing_is_sent_or_recorded(
    smtp_server: StartServer, profile_on: ProfileOn
) -> None:
    server = smtp_server()
    profile = profile_on(server)
    before = Profile.objects.values().get()
    ended = run("smtp_check", "main")
    assert (ended.code, timeless(ended.out), ended.err) == (0, WORKS.format(port=profile.port), "")
    assert (server.messages, [login.accepted for login in server.logins]) == ([], [True])
    assert Profile.objects.values().get() == before
    assert profile.test_state == TestState.UNTESTED


@pytest.mark.django_db
def test_with_a_recipient_the_server_is_asked_about_both_and_nothing_is_sent(
    smtp_server: StartServer, profile_on: ProfileOn
) -> None:
    server = smtp_server()
    profile = profile_on(server)
    ended = run("smtp_check", "main", "--to", "you@example.org")
    assert (ended.code, timeless(ended.out), server.messages) == (0, ASKED.format(port=profile.port), [])


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "template"), [("en", REFUSED), ("zh-hans", REFUSED_IN_CHINESE)])
def test_a_refused_sign_in_says_why_and_what_to_do_in_the_reader_s_language(
    smtp_server: StartServer, profile_on: ProfileOn, language: str, template: str
) -> None:
    server = smtp_server()
    profile = profile_on(server, password="wrong-s3cret-value")
    ended = run("smtp_check", "main", "--lang", language)
    assert (ended.code, timeless(ended.out), ended.err) == (1, explained(template, profile, language), "")
    assert len(server.logins) == 1


@pytest.mark.django_db
def test_a_disabled_profile_can_be_looked_at_too(smtp_server: StartServer, profile_on: ProfileOn) -> None:
    profile_on(smtp_server(), enabled=False)
    assert run("smtp_check", "main").code == 0


@pytest.mark.django_db
def test_what_went_on_with_a_warning_says_so(
    smtp_server: StartServer, profile_on: ProfileOn, certificates: CertificateFactory
) -> None:
    server = smtp_server(security=Security.IMPLICIT_TLS, certificate=certificates.self_signed)
    profile_on(server, skip_verify=True, skip_verify_reason="a test", ca_pem="")
    ended = run("smtp_check", "main")
    assert ended.code == 0
    line, warning = timeless(ended.out).splitlines()[4:6]
    assert line.startswith("WARN  Encrypt (TLS)                        TIME  TLSv1.3")
    assert warning == "      Certificate checked: NO"


@pytest.mark.django_db
def test_on_request_every_word_on_the_wire_is_shown_but_the_credential(
    smtp_server: StartServer, profile_on: ProfileOn
) -> None:
    profile_on(smtp_server())
    out = timeless(run("smtp_check", "main", verbosity=2).out)
    assert (
        "ok    Sign in (AUTH)                       TIME  Signed in with PLAIN\n      C: AUTH PLAIN ***\n      S: 235 "
        in out
    )


@pytest.mark.django_db
def test_a_relay_without_sign_in_works_while_the_panel_is_locked(
    smtp_server: StartServer, profile_on: ProfileOn, settings: Any
) -> None:
    profile = profile_on(smtp_server(auth_required=False), username="", password="")
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    ended = run("smtp_check", "main")
    assert ended.code == 0
    assert f"ok    It works: 127.0.0.1:{profile.port} answers, and no sign-in is wanted.\n" in ended.out


# What programs read


@pytest.mark.django_db
def test_a_program_gets_one_object(smtp_server: StartServer, profile_on: ProfileOn) -> None:
    profile = profile_on(smtp_server(), password="wrong-s3cret-value", provider="")
    ended = run("smtp_check", "main", "--json", "--lang", "zh-hans")
    answer = json.loads(ended.out)
    steps, diagnosis = answer.pop("steps"), answer.pop("diagnosis")
    assert answer.pop("started_at").endswith("+00:00")
    assert 0 < answer.pop("seconds") < 30
    assert (ended.code, answer) == (
        1,
        {
            "version": 1,
            "command": "smtp_check",
            "smtpadmin": __version__,
            "language": "zh-hans",
            "profile": "main",
            "server": {"host": "127.0.0.1", "port": profile.port, "security": "none"},
            "provider": None,
            "ok": False,
            "sent": False,
            "recipient": None,
            "failure": {
                "stage": "auth",
                "cause": "auth_refused",
                "code": 535,
                "enhanced": "5.7.8",
                "text": "5.7.8 Authentication credentials invalid",
            },
        },
    )
    assert [(step["stage"], step["status"]) for step in steps] == [
        ("dns", "ok"), ("tcp", "ok"), ("ehlo", "ok"), ("auth", "failed"),
    ]  # fmt: skip
    steps[0].pop("seconds")
    assert steps[0] == {
        "stage": "dns", "status": "ok", "reply": None, "facts": {"address": ["127.0.0.1"]}, "said": [],
    }  # fmt: skip
    assert steps[3]["said"] == ["C: AUTH PLAIN ***", "S: 535 5.7.8 Authentication credentials invalid"]
    assert diagnosis.keys() == {"title", "cause", "steps", "side", "matched", "link"}
    assert (diagnosis["side"], diagnosis["matched"], diagnosis["link"]) == ("you", "common_text", None)
    assert all("\u4e00" <= diagnosis[key][0] <= "\u9fff" for key in ("title", "cause"))


@pytest.mark.django_db
def test_a_program_gets_nothing_where_nothing_was_tried() -> None:
    ended = run("smtp_check", "nobody", "--json")
    assert (ended.code, ended.out, ended.err) == (2, "", "There is no SMTP profile “nobody”. There are: none.\n")


# Exit codes


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Name a profile, or a server with --host."),
        (["main", "--host", "smtp.example.com"], "Name a profile, or a server with --host."),
        (["other"], "There is no SMTP profile “other”. There are: main."),
        (["main", "--port", "25", "--from", "a@example.com"],
         "--port, --from: only with --host; a profile has its own."),
        (["main", "--to", "nobody"], "“nobody” is not an e-mail address: it has no @. Example: notify@example.com."),
        (["--host", "https://smtp.example.com"], "Enter the server name alone, without “https://”."),
        (["--host", "smtp.example.com", "--port", "70000"],
         "Ensure this value is less than or equal to 65535."),
        (["--host", "smtp.example.com", "--username", "notify"],
         "--username needs --password-stdin: a password on the command line is seen by others."),
        (["--host", "smtp.example.com", "--to", "you@example.org"],
         "Name the sender with --from: the user name is no address."),
        (["--host", "smtp.example.com", "--ca", "/nowhere/ca.pem"],
         "/nowhere/ca.pem cannot be read: [Errno 2] No such file or directory: '/nowhere/ca.pem'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_ends_with_2_and_says_what_to_write(words: list[str], said: str) -> None:
    make_profile()
    ended = run("smtp_check", *words)
    assert (ended.code, ended.out, ended.err) == (2, "", f"{said}\n")


@pytest.mark.django_db
def test_a_ca_file_that_holds_no_certificate_is_a_usage_error(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n")
    ended = run("smtp_check", "--host", "smtp.example.com", "--ca", str(ca))
    assert (ended.code, ended.out, ended.err[:7]) == (2, "", "ca_pem:")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([], "The panel is locked: no encryption key is set."),
        (["not a key"], "The panel is locked: the encryption key is damaged."),
        ([Fernet.generate_key().decode()], "The panel is locked: this is not the encryption key"),
    ],
)
def test_a_locked_panel_ends_with_3_and_says_why(
    smtp_server: StartServer, profile_on: ProfileOn, settings: Any, keys: list[str], said: str
) -> None:
    server = smtp_server()
    profile_on(server)
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": keys}
    ended = run("smtp_check", "main")
    assert (ended.code, ended.out, ended.err.startswith(said), server.connections) == (3, "", True, 0)


@pytest.mark.django_db
def test_a_password_for_other_settings_ends_with_3(smtp_server: StartServer, profile_on: ProfileOn) -> None:
    server = smtp_server()
    profile_on(server)
    Profile.objects.update(username="somebody@example.com")
    ended = run("smtp_check", "main")
    said = "The stored secret was given for other settings and cannot be used. Type it again on the settings page.\n"
    assert (ended.code, ended.out, ended.err, server.connections) == (3, "", said, 0)


@pytest.mark.django_db
def test_a_sender_that_the_server_refuses_is_a_failure_of_the_mail_stage(
    smtp_server: StartServer, profile_on: ProfileOn
) -> None:
    profile_on(smtp_server(replies={"notify@example.com": "553 5.7.1 Not owned by user"}))
    ended = run("smtp_check", "main", "--to", "you@example.org", "--json")
    assert (ended.code, json.loads(ended.out)["failure"]["stage"]) == (1, "mail")


# Any server


def test_any_server_can_be_looked_at_without_a_database() -> None:
    with hostile_server({Phase.GREETING: say("554 5.7.1 Go away")}) as rude:
        ended = run("smtp_check", "--host", "127.0.0.1", "--port", str(rude.port), "--security", "none")
    assert (ended.code, timeless(ended.out).splitlines()[4]) == (
        1,
        "FAIL  Introduce ourselves (EHLO)           TIME  554 5.7.1 Go away",
    )


def test_the_provider_is_known_by_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is connected to: a name server that knows nothing is enough for a verdict."""
    monkeypatch.setattr("smtpadmin.smtp.dialing.socket.getaddrinfo", _unknown)
    answer = json.loads(run("smtp_check", "--host", "smtp.163.com", "--json").out)
    assert (answer["provider"], answer["profile"], answer["server"]) == (
        "netease-163",
        None,
        {"host": "smtp.163.com", "port": 465, "security": "tls"},
    )


def _unknown(*_: object, **__: object) -> None:
    import socket

    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (465, "tls")),
        (["--port", "465"], (465, "tls")),
        (["--port", "587"], (587, "starttls")),
        (["--security", "starttls"], (587, "starttls")),
        (["--security", "none"], (25, "none")),
    ],
)
def test_port_and_encryption_follow_from_each_other(
    monkeypatch: pytest.MonkeyPatch, words: list[str], expected: tuple[int, str]
) -> None:
    monkeypatch.setattr("smtpadmin.smtp.dialing.socket.getaddrinfo", _unknown)
    server = json.loads(run("smtp_check", "--host", "mail.example.com", *words, "--json").out)["server"]
    assert (server["port"], server["security"]) == expected


# As a person does


@pytest.mark.django_db(transaction=True)
def test_from_the_command_line_of_a_server_whose_database_is_away(smtp_server: StartServer, tmp_path: Path) -> None:
    server = smtp_server(security=Security.STARTTLS)
    ca = tmp_path / "ca.pem"
    ca.write_text(server.ca_pem)
    words = ("--host", server.host, "--port", str(server.port), "--username", USERNAME, "--password-stdin")
    nowhere = "postgresql://nobody:secret@127.0.0.1:1/none"
    ended = manage("smtp_check", *words, "--ca", str(ca), stdin=f"{PASSWORD}\n", DATABASE_URL=nowhere)
    assert (ended.code, ended.err) == (0, "")
    assert timeless(ended.out) == (
        f"127.0.0.1:{server.port}  STARTTLS\n"
        "\n"
        "ok    Find the server (DNS)                TIME  127.0.0.1\n"
        "ok    Connect (TCP)                        TIME  127.0.0.1\n"
        "ok    Introduce ourselves (EHLO)           TIME  The server offers SIZE, 8BITMIME, SMTPUTF8, STARTTLS, HELP\n"
        + next(line for line in timeless(ended.out).splitlines(keepends=True) if "Encrypt" in line)
        + "ok    Sign in (AUTH)                       TIME  Signed in with PLAIN\n"
        "\n"
        f"ok    It works: 127.0.0.1:{server.port} accepts the sign-in.\n"
        "      Nothing was sent. With a recipient, sender and recipient are asked about too.\n"
    )
    profile = manage("smtp_check", "main", DATABASE_URL=nowhere)
    assert (profile.code, profile.out) == (3, "")
    assert profile.err.startswith("CommandError: The database cannot be used: connection")


@pytest.mark.django_db(transaction=True)
def test_from_the_command_line_a_wrong_option_ends_with_2() -> None:
    assert manage("smtp_check", "--security", "ssl").code == 2


@pytest.mark.django_db(transaction=True)
def test_at_a_terminal_the_password_is_asked_for_and_not_shown_and_marks_have_colours(
    smtp_server: StartServer,
) -> None:
    server = smtp_server()
    words = ("--host", server.host, "--port", str(server.port), "--security", "none", "--username", USERNAME)
    ended = at_a_terminal("smtp_check", *words, "--password-stdin", answers={"Password: ": PASSWORD})
    assert (ended.code, PASSWORD in ended.out) == (0, False)
    assert ended.out.startswith("Password: \n127.0.0.1")
    assert "\x1b[32;1mok\x1b[0m    Sign in (AUTH)" in ended.out
    assert [login.accepted for login in server.logins] == [True]
    plain = at_a_terminal("smtp_check", *words, "--password-stdin", "--no-color", answers={"Password: ": PASSWORD})
    assert "\x1b[" not in plain.out
