"""Chats and push services, through the Apprise library, which runs in a process of its own (`services_child`).

Its URLs hold tokens, so what comes back from it is scrubbed of every part of the URL.
"""

import contextlib
import importlib.util
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from smtpadmin.alerts.alert import Alert
from smtpadmin.alerts.outcome import LONGEST_DETAIL, Outcome, Reason
from smtpadmin.smtp import AddressPolicy, Secret, scrub

logger = logging.getLogger("smtpadmin.alerts")

#: For starting the process and all that it does.
SECONDS = 30.0
#: What to install where the library is missing.
PACKAGE = "smtpadmin[alerts]"

_CHILD = Path(__file__).with_name("services_child.py")
_SLICE = 0.2
# Shorter parts of a URL are words and numbers; a token is longer.
_SHORTEST_TOKEN = 6
_BETWEEN = re.compile(r"[/:@?&=,+;#]+")
_MOST_BYTES = 64 * 1024
_ANYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Known:
    """What Apprise makes of a URL: the name of the service, or why it cannot be used."""

    name: str = ""
    reason: Reason | None = None


def is_installed() -> bool:
    """Say whether the library is there."""
    return importlib.util.find_spec("apprise") is not None


def check(url: Secret) -> Known:
    """Have a URL read; nothing is connected to."""
    answer = _ask({"act": "check", "url": url.reveal()}, denied=_ANYWHERE, stopping=lambda: False)
    return Known(name=str(answer.get("service", ""))[:100], reason=_reason(answer))


def send(url: Secret, alert: Alert, *, policy: AddressPolicy, stopping: Callable[[], bool] = lambda: False) -> Outcome:
    """Have the alert sent. Ended early, as a failure, when `stopping` says so."""
    order = {"act": "send", "url": url.reveal(), "title": alert.subject, "body": alert.text, "event": alert.event.value}
    # Alive until the answer is clean, so that the filter of the log knows them too.
    secrets = parts_of(url)
    answer = _ask(order, denied=[str(network) for network in policy.denied], stopping=stopping)
    said = scrub(" ".join(str(answer.get("said", "")).split()), secrets)
    return Outcome(_reason(answer), said[:LONGEST_DETAIL])


def parts_of(url: Secret) -> tuple[Secret, ...]:
    """Return the URL and each part of it that may be a token, also as it was before it was encoded."""
    whole = url.reveal()
    scheme, _colon, rest = whole.partition(":")
    parts = {whole, unquote(whole), rest.removeprefix("//")}
    parts |= {text for part in _BETWEEN.split(rest) for text in (part, unquote(part))}
    return tuple(Secret(part) for part in parts if len(part) >= _SHORTEST_TOKEN and part != scheme)


def _reason(answer: dict[str, Any]) -> Reason | None:
    reason = str(answer.get("reason", ""))
    if not reason:
        return None
    return Reason(reason) if reason in set(Reason) else Reason.UNEXPECTED


def _ask(order: dict[str, Any], *, denied: Any, stopping: Callable[[], bool]) -> dict[str, Any]:
    if not is_installed():
        return {"reason": Reason.NOT_INSTALLED}
    # The URL goes in through the pipe: arguments and the environment of a process can be read by others. What it says
    # on its error output may hold secrets, and is read by nobody.
    try:
        child = subprocess.Popen(
            [_python(), "-P", str(_CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        logger.exception("The process for Apprise could not be started.")
        return {"reason": Reason.UNEXPECTED}
    given: bytes | None = json.dumps({**order, "path": sys.path, "denied": list(denied)}).encode()
    until = time.monotonic() + SECONDS
    try:
        while time.monotonic() < until and not stopping():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return _answer(child.communicate(given, timeout=_SLICE)[0])
            given = None
        return {"reason": Reason.TIMEOUT}
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def _answer(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data[:_MOST_BYTES])
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"reason": Reason.UNEXPECTED}


def _python() -> str:
    """Return the interpreter. Inside some servers (uWSGI) `sys.executable` is the server."""
    own = Path(sys.executable or "")
    return str(own) if own.name.startswith("python") else str(Path(sys.prefix) / "bin" / "python3")
