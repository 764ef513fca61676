"""The headers of every response."""

import pytest
from django.test import Client

from panel.middleware import POLICY


@pytest.mark.parametrize("path", ["/admin/login/", "/nowhere/", "/readyz", "/password-reset/"])
def test_every_page_has_the_policy_and_stays_out_of_caches(client: Client, db: None, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert "no-store" in headers["Cache-Control"]
    assert headers["X-Frame-Options"] == "DENY"


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    assert {word for word in POLICY.replace(";", "").split() if word.startswith(("'", "http"))} == {"'none'", "'self'"}
