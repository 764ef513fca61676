"""`send_test`: the page's test at the command line, kept like one."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from smtpadmin.conf import conf
from smtpadmin.models import Profile, TestState
from smtpadmin.testing import Report
from tests.commands.conftest import run, timeless
from tests.support.behaviours import hang
from tests.support.hostile import Phase, hostile_server
from tests.support.manage import ROOT, command, environment, manage
from tests.support.profiles import make_profile
from tests.support.smtpd import StartServer

ProfileOn = Callable[..., Profile]

SENT = """\
127.0.0.1:{port}  None (not encrypted)

ok    Find the server (DNS)                TIME  127.0.0.1
ok    Connect (TCP)                        TIME  127.0.0.1
ok    Introduce ourselves (EHLO)           TIME  The server offers SIZE, 8BITMIME, SMTPUTF8, AUTH, HELP
ok    Sign in (AUTH)                       TIME  Signed in with PLAIN
ok    Name the sender (MAIL FROM)          TIME  250 2.1.0 Sender ok
ok    Name the recipient (RCPT TO)         TIME  250 2.1.5 Recipient ok
ok    Send the message (DATA)              TIME  250 2.0.0 Queued as 1

ok    It works: the server accepted the message for you@example.org.
      Look in the inbox, and in the spam folder if it is not there within a minute.
"""
SENT_IN_CHINESE = """\
127.0.0.1:{port}  不加密

ok    查找服务器（DNS）                 TIME  127.0.0.1
ok    连接（TCP）                       TIME  127.0.0.1
ok    报告本机名称（EHLO）              TIME  服务器支持 SIZE, 8BITMIME, SMTPUTF8, AUTH, HELP
ok    登录（AUTH）                      TIME  已用 PLAIN 方式登录
ok    报出发件地址（MAIL FROM）         TIME  250 2.1.0 Sender ok
ok    报出收件人（RCPT TO）             TIME  250 2.1.5 Recipient ok
ok    发送邮件（DATA）                  TIME  250 2.0.0 Queued as 1

ok    测试成功：服务器已接收发往 you@example.org 的邮件。
      请查看收件箱；如果一分钟后仍未收到，请看看垃圾邮件文件夹。
"""


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "template"), [("en", SENT), ("zh-hans", SENT_IN_CHINESE)])
def test_a_message_arrives_and_the_result_is_on_the_profile(
    smtp_server: StartServer, profile_on: ProfileOn, language: str, template: str
) -> None:
    server = smtp_server()
    profile = profile_on(server)
    ended = run("send_test", "main", "--to", "you@example.org", "--lang", language)
    assert (ended.code, timeless(ended.out), ended.err) == (0, template.format(port=profile.port), "")
    (received,) = server.messages
    assert received.recipients == ("you@example.org",)
    profile.refresh_from_db()
    assert (profile.test_state, profile.tested_by, profile.testing_until) == (TestState.WORKING, None, None)
    report = Report.from_json(profile.test_report)
    assert (report.ok, report.sent, report.recipient, report.at) == (True, True, "you@example.org", profile.tested_at)


@pytest.mark.django_db
def test_a_failure_is_kept_too_and_ends_with_1(smtp_server: StartServer, profile_on: ProfileOn) -> None:
    profile = profile_on(smtp_server(replies={"you@example.org": "550 5.1.1 No such user"}))
    ended = run("send_test", "main", "--to", "you@example.org", "--json")
    answer = json.loads(ended.out)
    assert (ended.code, answer["command"], answer["ok"], answer["sent"], answer["failure"]["stage"]) == (
        1, "send_test", False, False, "rcpt",
    )  # fmt: skip
    assert answer["diagnosis"]["side"] == "recipient"
    profile.refresh_from_db()
    assert profile.test_state == TestState.FAILING


@pytest.mark.django_db
def test_a_message_that_we_refuse_ourselves_is_a_failure(smtp_server: StartServer, profile_on: ProfileOn) -> None:
    server = smtp_server()
    profile_on(server, max_message_bytes=10)
    ended = run("send_test", "main", "--to", "you@example.org")
    assert (ended.code, server.connections) == (1, 0)
    assert "the profile “Main” takes 10 at most" in ended.out


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["other", "--to", "you@example.org"], "There is no SMTP profile “other”. There are: main."),
        (["main", "--to", "nobody"], "“nobody” is not an e-mail address: it has no @. Example: notify@example.com."),
        (["main"], "Error: the following arguments are required: --to"),
    ],
)
def test_what_cannot_be_meant_ends_with_2_or_argparse_says_so(words: list[str], said: str) -> None:
    make_profile()
    ended = run("send_test", *words)
    assert (ended.out, ended.err) == ("", f"{said}\n")
    assert ended.code == (1 if len(words) == 1 else 2)


@pytest.mark.django_db
def test_a_locked_panel_ends_with_3(settings: Any) -> None:
    make_profile(password="s3cret-value")
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    ended = run("send_test", "main", "--to", "you@example.org")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("The panel is locked: no encryption key is set.")


@pytest.mark.django_db
def test_while_another_test_is_under_way_it_ends_with_4(smtp_server: StartServer, profile_on: ProfileOn) -> None:
    server = smtp_server()
    profile_on(server, testing_until=timezone.now() + timedelta(minutes=1))
    ended = run("send_test", "main", "--to", "you@example.org")
    said = "Another test of this profile is under way. Wait until it has ended, then test again.\n"
    assert (ended.code, ended.out, ended.err, server.connections) == (4, "", said, 0)


@pytest.mark.django_db
def test_too_many_tests_end_with_4(smtp_server: StartServer, profile_on: ProfileOn) -> None:
    profile_on(smtp_server())
    with override_settings(SMTPADMIN={"KEYS": conf.keys, "TESTS_PER_MINUTE": 1}):
        assert run("send_test", "main", "--to", "you@example.org").code == 0
        assert run("send_test", "main", "--to", "you@example.org").code == 4


@pytest.mark.django_db(transaction=True)
def test_from_the_command_line(smtp_server: StartServer, profile_on: ProfileOn) -> None:
    server = smtp_server()
    profile = profile_on(server)
    ended = manage("send_test", "main", "--to", "you@example.org")
    assert (ended.code, timeless(ended.out), ended.err) == (0, SENT.format(port=profile.port), "")
    assert len(server.messages) == 1
    assert manage("send_test", "main").code == 2


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_ends_it_without_a_traceback_and_gives_the_lease_back() -> None:
    with hostile_server({Phase.EHLO: hang}) as server:
        make_profile(host=server.host, port=server.port, security="none", password="s3cret-value")
        words = command("send_test", "main", "--to", "you@example.org")
        process = subprocess.Popen(
            words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        while "Connect (TCP)" not in process.stdout.readline():
            assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        _rest, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")
    assert Profile.objects.get().testing_until is None
