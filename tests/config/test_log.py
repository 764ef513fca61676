"""Links that let their reader in are not logged."""

import logging

import pytest
from django.urls import reverse

from config.log import HideLinks


@pytest.mark.parametrize(
    ("message", "arguments", "logged"),
    [
        ("Not Found: %s", ("/setup/S3cret-token/",), "Not Found: /setup/***/"),
        ("Not Found: %s", ("/login-link/1/S3cret-token/",), "Not Found: /login-link/1/***/"),
        ("Forbidden: %s", ("/password-reset/MQ/abc-S3cret/",), "Forbidden: /password-reset/MQ/***/"),
        ("Bad Request: /setup/S3cret-token", (), "Bad Request: /setup/***"),
        ("Not Found: %s", ("/admin/smtpadmin/profile/",), "Not Found: /admin/smtpadmin/profile/"),
        ("100%", (), "100%"),
    ],
)
def test_a_link_is_hidden_and_the_rest_stays(message: str, arguments: tuple[str, ...], logged: str) -> None:
    record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, message, arguments, None)

    assert HideLinks().filter(record)
    assert record.getMessage() == logged


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("setup", ["S3cret"]), ("link_login", ["1", "S3cret"]), ("password_reset_confirm", ["MQ", "S3cret"])],
)
def test_every_page_with_a_token_in_its_address_is_covered(name: str, arguments: list[str]) -> None:
    message = f"Forbidden (CSRF cookie not set.): {reverse(name, args=arguments)}"
    record = logging.LogRecord("django.security.csrf", logging.WARNING, __file__, 1, message, (), None)

    HideLinks().filter(record)

    assert "S3cret" not in record.getMessage()
