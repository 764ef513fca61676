"""Secrets and logs."""

import logging

import pytest

from smtpadmin.redaction import ScrubSecrets
from smtpadmin.smtp import Secret


def record(text: str, *arguments: object, exc_info: bool = False) -> logging.LogRecord:
    error = ValueError("the server said s3cret-value")
    info = (type(error), error, None) if exc_info else None
    return logging.getLogger("test").makeRecord("test", logging.ERROR, __file__, 1, text, arguments, info)


@pytest.mark.parametrize("text", ["s3cret-value", "czNjcmV0LXZhbHVl", "AG1lAHMzY3JldC12YWx1ZQ=="])
def test_a_live_secret_does_not_reach_the_log_in_any_encoding(text: str) -> None:
    secret = Secret("s3cret-value")
    scrubbed = record("The server said %s", text)
    assert ScrubSecrets().filter(scrubbed)
    assert text not in scrubbed.getMessage()
    assert secret


def test_nor_does_it_in_a_traceback() -> None:
    secret = Secret("s3cret-value")
    scrubbed = record("Failed", exc_info=True)
    ScrubSecrets().filter(scrubbed)
    assert "s3cret-value" not in logging.Formatter().format(scrubbed)
    assert secret


def test_a_call_with_the_wrong_arguments_breaks_nobodys_work() -> None:
    secret = Secret("s3cret-value")
    wrong = record("%d", "s3cret-value")
    assert ScrubSecrets().filter(wrong)
    assert "s3cret-value" not in wrong.getMessage()
    assert secret
