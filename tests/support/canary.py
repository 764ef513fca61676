"""A password that must not be seen, and every form in which it might be."""

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

USERNAME = "notify@example.com"
#: With characters that each encoding changes in its own way.
PASSWORD = "cAnArY+7f3a/9d&e%41\"q'<z>é"


def forms() -> Iterator[tuple[str, str]]:
    """Yield names and values of the forms of the canary."""
    data = PASSWORD.encode()
    yield "raw", PASSWORD
    yield "raw, start", PASSWORD[:12]
    yield "base64", base64.b64encode(data).decode()
    yield "base64, unpadded", base64.b64encode(data).decode().rstrip("=")
    yield "base64, URL-safe", base64.urlsafe_b64encode(data).decode()
    yield "AUTH PLAIN", base64.b64encode(f"\0{USERNAME}\0".encode() + data).decode()
    yield (
        "AUTH PLAIN with an authorisation identity",
        base64.b64encode(f"{USERNAME}\0{USERNAME}\0".encode() + data).decode(),
    )
    yield "percent", quote(PASSWORD, safe="")
    yield "percent, form", quote_plus(PASSWORD)
    yield "HTML", html.escape(PASSWORD)
    yield "JSON", json.dumps(PASSWORD)[1:-1]
    yield "hex", data.hex()


def found_in(text: str) -> list[str]:
    """Return the names of the forms of the canary that stand in `text`, whatever the case of their letters."""
    lowered = text.lower()
    return [name for name, form in forms() if form.lower() in lowered]
