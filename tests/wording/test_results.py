"""Where a failure sends the reader, and how steps and times are told."""

import datetime as dt

import pytest
from django.utils import translation

from smtpadmin.providers import Failure
from smtpadmin.smtp import Cause, Stage
from smtpadmin.testing import Report, StepRecord
from smtpadmin.wording.results import duration, field_at_fault, outcome, row, rows


@pytest.mark.parametrize(
    ("stage", "cause", "field"),
    [
        (Stage.DNS, Cause.NAME_NOT_FOUND, "host"),
        (Stage.DNS, Cause.DNS_TIMEOUT, "host"),
        (Stage.TCP, Cause.CONNECTION_REFUSED, "port"),
        (Stage.TLS, Cause.TLS_WRONG_NAME, "host"),
        (Stage.TLS, Cause.TLS_UNKNOWN_CA, "ca_pem"),
        (Stage.TLS, Cause.TLS_PIN_MISMATCH, "pinned_sha256"),
        (Stage.TLS, Cause.PLAIN_ON_TLS_PORT, "security"),
        (Stage.TLS, Cause.STARTTLS_MISSING, "security"),
        (Stage.AUTH, Cause.AUTH_REFUSED, "secret"),
        (Stage.AUTH, Cause.AUTH_MECHANISM, "sign_in"),
        (Stage.MAIL, Cause.SENDER_REFUSED, "address"),
        (Stage.RCPT, Cause.RECIPIENT_REFUSED, ""),
        (Stage.DATA, Cause.CONTENT_REFUSED, ""),
    ],
)
def test_a_failure_points_to_the_field_at_fault(stage: Stage, cause: Cause, field: str) -> None:
    assert field_at_fault(stage=stage, cause=cause) == field


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0001, "under 1 ms"), (0.012, "12 ms"), (0.9994, "999 ms"), (1, "1.0 s"), (12.34, "12.3 s")],
)
def test_times_are_told_in_the_unit_that_people_read(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("step", "summary"),
    [
        (StepRecord(stage="dns", status="ok", seconds=1, facts=(("address", "192.0.2.1"), ("address", "192.0.2.2"))),
         "192.0.2.1, 192.0.2.2"),
        (StepRecord(stage="tls", status="ok", seconds=1, facts=(
            ("version", "TLSv1.3"), ("subject", "CN=smtp.example.com"), ("expires", "2027-01-31"))),
         "TLSv1.3 · CN=smtp.example.com · valid until 2027-01-31"),
        (StepRecord(stage="ehlo", status="ok", seconds=1, reply="250 hello",
                    facts=(("offers", "SIZE 100"), ("offers", "STARTTLS"))),
         "The server offers SIZE, STARTTLS"),
        (StepRecord(stage="auth", status="ok", seconds=1, facts=(("mechanisms", "PLAIN LOGIN"), ("used", "PLAIN"))),
         "Signed in with PLAIN"),
        (StepRecord(stage="auth", status="ok", seconds=1, facts=(("mechanisms", ""), ("used", "-"))),
         "No sign-in was wanted"),
        (StepRecord(stage="data", status="ok", seconds=1, reply="250 Queued", facts=(("size", "2048 B"),)),
         "250 Queued"),
        (StepRecord(stage="auth", status="failed", seconds=1, reply="535 no"), "535 no"),
        (StepRecord(stage="tcp", status="failed", seconds=1, cause="connection_refused"),
         "Nothing listens on this port"),
        (StepRecord(stage="tls", status="failed", seconds=1, cause="tls_expired"),
         "The server’s certificate has expired"),
        (StepRecord(stage="mail", status="failed", seconds=1, cause="too_large"),
         "The message is larger than the server allows"),
        # As reports of older versions have it.
        (StepRecord(stage="tcp", status="failed", seconds=1), "No answer"),
    ],
)  # fmt: skip
def test_the_line_in_sight_says_what_matters_most_at_a_stage(step: StepRecord, summary: str) -> None:
    assert row(step).summary == summary


def test_what_we_found_out_is_said_in_the_reader_s_language() -> None:
    with translation.override("zh-hans"):
        assert (
            row(StepRecord(stage="tls", status="failed", seconds=1, cause="tls_expired")).summary == "服务器证书已过期"
        )


def report(*stages: str, failed: str = "") -> Report:
    refusal = Failure(stage=failed, cause="auth_refused", code=535, enhanced="5.7.8", text="5.7.8 no")
    steps = tuple(StepRecord(stage=stage, status="failed" if stage == failed else "ok", seconds=1) for stage in stages)
    return Report(ok=not failed, sent=not failed, at=dt.datetime(2026, 11, 21, tzinfo=dt.UTC), seconds=len(stages),
                  server="smtp.example.com:465", provider="", recipient="you@example.org", steps=steps,
                  failure=refusal if failed else None)  # fmt: skip


def test_stages_that_were_not_come_to_are_shown_as_such() -> None:
    shown = rows(report("dns", "tcp", "ehlo", "auth", failed="auth"), security="none")
    assert [(item.stage, item.status) for item in shown][-4:] == [
        ("auth", "failed"), ("mail", "unreached"), ("rcpt", "unreached"), ("data", "unreached"),
    ]  # fmt: skip


def test_an_old_report_is_shown_as_it_was_after_the_encryption_was_changed() -> None:
    shown = rows(report("dns", "tcp", "ehlo", "auth", "mail", "rcpt", "data"), security="tls")
    assert [item.stage for item in shown] == ["dns", "tcp", "ehlo", "auth", "mail", "rcpt", "data"]


def test_bars_share_the_whole_time() -> None:
    shown = rows(report("dns", "tcp", "ehlo", "auth", failed="auth"), security="none")
    assert [(item.start, item.width) for item in shown[:4]] == [(0, 250), (250, 250), (500, 250), (750, 250)]


def test_the_outcome_has_the_server_s_words_with_their_code() -> None:
    told = outcome(report("dns", "auth", failed="auth"), language="en")
    assert (told.ok, told.stage, told.said, told.field) == (False, "AUTH", "535 5.7.8 no", "secret")
