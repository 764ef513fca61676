"""The commands in a project that only sends and has no admin."""

from typing import Any

import pytest

from tests.support.manage import Ended, manage
from tests.support.smtpd import StartServer

pytestmark = pytest.mark.django_db(transaction=True)


def without_admin(*words: str) -> Ended:
    return manage(*words, DJANGO_SETTINGS_MODULE="tests.support.without_admin")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check",), "System check identified no issues"),
        (("smtp_check", "main"), "It works:"),
        (("send_test", "main", "--to", "you@example.org"), "It works: the server accepted the message"),
        (("use_profile", "main"), "The default is:  Main (main, "),
        (("use_profile", "--list"), "main"),
        (("which_profile", "--to", "you@example.org", "--profile", "main"), "The message would leave through Main."),
        (("support_bundle",), "### main"),
    ],
)
def test_a_command_works(smtp_server: StartServer, profile_on: Any, words: tuple[str, ...], said: str) -> None:
    profile_on(smtp_server())
    ended = without_admin(*words)
    assert (ended.code, ended.err) == (0, "")
    assert said in ended.out
