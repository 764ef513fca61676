"""Commands in this process, their output as text; times in it are made equal."""

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from smtpadmin.management.terminal import columns, right
from smtpadmin.models import Profile
from tests.support.manage import Ended
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer

_TIMES = re.compile(r" *(?:under 1 ms|\d+ ms|\d+\.\d s|不到 1 毫秒|\d+ 毫秒|\d+\.\d 秒)")


def run(*words: str, **options: Any) -> Ended:
    """Call a command and return how it ended."""
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command(*words, stdout=out, stderr=err, **options)
    except SystemExit as ended:
        code = int(str(ended.code))
    except CommandError as error:
        code = error.returncode
        err.write(f"{error}\n")
    return Ended(code=code, out=out.getvalue(), err=err.getvalue())


def timeless(text: str) -> str:
    """Return an output with TIME in place of each time, as wide as that was."""
    return _TIMES.sub(lambda match: right("TIME", columns(match[0])), text)


@pytest.fixture
def profile_on() -> Callable[..., Profile]:
    def make(server: SmtpServer, **fields: Any) -> Profile:
        where = {"host": server.host, "port": server.port, "security": server.security, "ca_pem": server.ca_pem}
        return make_profile(**{"username": USERNAME, "password": PASSWORD} | where | fields)

    return make
