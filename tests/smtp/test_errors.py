"""Tests of `smtpadmin.smtp.errors`: the tree, and what makes a failure temporary."""

import re

import pytest

from smtpadmin.smtp import (
    AuthError,
    Cause,
    ConnectError,
    ContentError,
    DataError,
    HelloError,
    RecipientError,
    Reply,
    SenderError,
    SmtpError,
    Stage,
    TlsError,
    UncertainError,
    errors,
)


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (Stage.DNS, ConnectError),
        (Stage.TCP, ConnectError),
        (Stage.TLS, TlsError),
        (Stage.EHLO, HelloError),
        (Stage.AUTH, AuthError),
        (Stage.MAIL, SenderError),
        (Stage.RCPT, RecipientError),
        (Stage.DATA, DataError),
        (Stage.QUIT, SmtpError),
    ],
)
def test_each_stage_has_its_class(stage: Stage, expected: type[SmtpError]) -> None:
    assert errors.error_class(stage) is expected
    assert expected("It failed.", stage=stage, cause=Cause.PROTOCOL_ERROR).stage is stage


def test_the_tree_in_the_docstring_names_every_error() -> None:
    drawn = set(re.findall(r"\b\w+Error\b", errors.__doc__ or "")) - {"ValueError"}
    defined = {name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, SmtpError)}
    assert drawn == defined


@pytest.mark.parametrize(
    ("cause", "reply", "expected"),
    [
        (Cause.CONNECTION_REFUSED, None, True),
        (Cause.NAME_NOT_FOUND, None, False),
        (Cause.TLS_EXPIRED, None, False),
        (Cause.DEADLINE_EXCEEDED, None, True),
        (Cause.UNCERTAIN, None, False),
        # What the server says counts more than what the cause usually means.
        (Cause.SERVICE_UNAVAILABLE, Reply(421), True),
        (Cause.SERVICE_UNAVAILABLE, Reply(554), False),
        (Cause.STARTTLS_REFUSED, Reply(454), True),
        (Cause.STARTTLS_REFUSED, Reply(501), False),
        (Cause.PROTOCOL_ERROR, Reply(250), True),
    ],
)
def test_the_reply_decides_what_is_temporary_else_the_cause(
    cause: Cause, reply: Reply | None, *, expected: bool
) -> None:
    assert SmtpError("It failed.", stage=Stage.EHLO, cause=cause, reply=reply).temporary is expected


def test_an_error_needs_a_stage_where_its_class_has_none() -> None:
    with pytest.raises(TypeError):
        ConnectError("It failed.", cause=Cause.UNREACHABLE)


def test_content_that_is_refused_here_is_a_value_error_too() -> None:
    with pytest.raises(ValueError, match="too long"):
        raise ContentError("A line is too long.", cause=Cause.BAD_LINE)


def test_uncertainty_belongs_to_the_message() -> None:
    error = UncertainError("No answer.", cause=Cause.UNCERTAIN)
    assert (error.stage, isinstance(error, DataError)) == (Stage.DATA, True)


def test_a_long_text_is_cut() -> None:
    error = TlsError("x" * 5000, cause=Cause.TLS_FAILED)
    assert (len(error.text), str(error)) == (errors.MAX_TEXT, "x" * (errors.MAX_TEXT - 1) + "…")
