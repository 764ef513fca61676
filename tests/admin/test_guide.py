"""A provider's record in sentences."""

import datetime as dt

import msgspec
import pytest
from django.utils import translation

from smtpadmin.admin.guide import guide, limit_lines, notice_lines
from smtpadmin.diagnosis import catalogue
from smtpadmin.providers import Limits, Notice, Provider, Text, Window
from smtpadmin.templatetags.smtpadmin_pages import link_pages

TODAY = dt.date(2026, 11, 21)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_provider_has_a_guide_in_both_languages(language: str) -> None:
    with translation.override(language):
        for provider in catalogue():
            made = guide(provider, language, today=TODAY)
            assert made.name
            assert made.secret_label
            assert made.username
            assert made.endpoints


@pytest.mark.parametrize(
    ("limits", "lines"),
    [
        (Limits(per_day=500, per_second=1), ["1 message a second", "500 messages a day"]),
        (Limits(windows=(Window(count=5000, seconds=180),)), ["5,000 messages in 3 minutes"]),
        (Limits(windows=(Window(count=10, seconds=90),)), ["10 messages in 90 seconds"]),
        (Limits(per_recipient=(Window(count=1, seconds=3600),)), ["1 message to one recipient an hour"]),
        (Limits(message_bytes=10485760, attachments_bytes=25_000_000), ["10 MB per message", "25 MB of attachments"]),
        (Limits(message_bytes=512 * 1024), ["512 kB per message"]),
        (
            Limits(attachments=10, attachment_bytes=4194304, body_bytes=1048576),
            ["1 MB of text", "4 MB per attachment", "10 attachments per message"],
        ),
        (Limits(connections=1, refused_headers=("Cc", "Bcc")), ["1 connection at once", "no Cc, Bcc"]),
        (
            Limits(recipients_per_message=100, recipients_per_day=10_000, external_recipients_per_day=300),
            ["100 recipients per message", "10,000 recipients a day", "300 outside recipients a day"],
        ),
        (Limits(), []),
    ],
)
def test_limits_are_short_phrases(limits: Limits, lines: list[str]) -> None:
    assert list(limit_lines(limits)) == lines


def provider_with(*notices: Notice) -> Provider:
    gmail = catalogue().get("gmail")
    assert gmail is not None
    return msgspec.structs.replace(gmail, notices=notices)


def test_what_is_over_is_left_out_and_what_comes_is_told_first() -> None:
    past = Notice(text=Text("over", "over"), until=dt.date(2026, 1, 1))
    present = Notice(text=Text("holds", "holds"), since=dt.date(2022, 5, 30))
    ahead = Notice(text=Text("comes", "comes"), since=dt.date(2026, 12, 31))
    lines = list(notice_lines(provider_with(past, present, ahead), "en", today=TODAY))
    assert [(line.text, line.when, line.ahead) for line in lines] == [
        ("comes", "Dec. 31, 2026", True),
        ("holds", "May 30, 2022", False),
    ]


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("Open myaccount.google.com/apppasswords and", ["https://myaccount.google.com/apppasswords"]),
        ("See https://example.com/a?b=c.", ["https://example.com/a?b=c"]),
        ("在 myaccount.google.com/apppasswords 生成", ["https://myaccount.google.com/apppasswords"]),
        ("Host smtp.example.com, port 465", []),
        ("Use <b>bold</b> & POP3/SMTP", []),
    ],
)
def test_only_pages_become_links(text: str, links: list[str]) -> None:
    shown = link_pages(text)
    assert [part.split('"')[0] for part in shown.split('href="')[1:]] == links
    assert "<b>" not in shown
