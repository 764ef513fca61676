"""The text of a message: who read it is on record, nothing in it runs or loads, and some is shown to nobody."""

import base64
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from smtpadmin.admin.message_body import Attachment, Shown, frame, read
from smtpadmin.models import Body, Lane, Message
from tests.admin.forms import text_of
from tests.admin.message_people import address, client_of
from tests.support.mail import put
from tests.support.message_log import TEXT, story
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db


def message_with(content: bytes = TEXT, **fields: Any) -> Message:
    return put(make_profile(), content=content, **fields)


def test_a_press_shows_headers_text_html_and_files(admin: Client) -> None:
    response = admin.post(address(message_with(), "text"))
    shown = text_of(response)
    for words in ("Subject 订单已发货", "From Notify <notify@example.com>".replace("<", "&lt;").replace(">", "&gt;"),
                  "Follow it at https://shop.example.com/orders/4711", "invoice.pdf application/pdf · 9"):  # fmt: skip
        assert words in shown.replace("\xa0", " ")
    assert '<a href="https://shop' not in response.content.decode()


def test_html_stands_in_a_frame_that_forbids_everything(admin: Client) -> None:
    page = admin.post(address(message_with(), "text")).content.decode()
    (element,) = re.findall(r"<iframe[^>]*>", page)
    assert re.search(r" sandbox(?=\s)", element)
    assert "allow" not in element
    document = unescape(re.search(r'srcdoc="([^"]*)"', element)[1])  # type: ignore[index]
    assert "default-src 'none'" in document
    body = document.partition("<body>")[2]
    assert body == (
        "<h1>Your order 4711 has been sent</h1><p>Follow it here &lt;https://shop.example.com/orders/4711&gt;.</p>[Logo]"
        "<table><tr><td>Tea</td><td>2</td></tr></table></body></html>"
    )


def test_each_view_is_recorded_and_asking_for_the_page_is_none(admin: Client) -> None:
    message = message_with()
    asked = admin.get(address(message, "text"))
    assert "That you read it is recorded" in text_of(asked)
    assert "4711" not in text_of(asked)
    assert not LogEntry.objects.exists()
    admin.post(address(message, "text"))
    reader = client_of("view_message", "read_message_body", name="reader")
    reader.post(address(message, "text"))
    assert list(LogEntry.objects.order_by("pk").values_list("user__username", "object_id")) == [
        ("admin", str(message.pk)),
        ("reader", str(message.pk)),
    ]
    page = text_of(client_of("view_message").get(address(message)))
    assert page.count("Subject and text were opened") == 2
    assert "reader" in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_no_cache_keeps_the_page(admin: Client, method: str) -> None:
    response = getattr(admin, method)(address(message_with(), "text"))
    assert "no-store" in response["Cache-Control"]
    assert "public" not in response["Cache-Control"]


def test_the_policy_of_the_page_is_the_panel_s_own(admin: Client) -> None:
    message = message_with()
    text, dashboard = admin.post(address(message, "text")), admin.get("/admin/")
    assert text["Content-Security-Policy"] == dashboard["Content-Security-Policy"]


def test_an_urgent_message_is_shown_to_nobody(admin: Client) -> None:
    message = message_with(lane=Lane.URGENT)
    response = admin.post(address(message, "text"))
    assert "shown to nobody" in text_of(response)
    assert "4711" not in response.content.decode()
    assert "shown to nobody" in text_of(admin.get(address(message)))
    assert not LogEntry.objects.exists()


def test_a_text_that_is_gone_says_so(admin: Client) -> None:
    message = story(make_profile(), "a@example.org", state="sent", age=timedelta(0), keeps_text=False)
    assert "The text is not kept any more." in text_of(admin.post(address(message, "text")))
    assert not LogEntry.objects.exists()


def test_a_text_of_another_message_does_not_open(admin: Client) -> None:
    message, other = message_with(), put(make_profile(slug="other"))
    Body.objects.filter(message=other).update(sealed=Body.objects.get(message=message).sealed)
    response = admin.post(address(other, "text"))
    assert "The text cannot be opened with the keys that are set." in text_of(response)
    assert not LogEntry.objects.exists()


def test_while_the_panel_is_locked_no_text_is_shown(admin: Client, settings: Any) -> None:
    message = message_with()
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    response = admin.post(address(message, "text"))
    assert response.status_code == 503
    assert "4711" not in response.content.decode()


def test_whoever_may_not_read_is_told_that_it_takes_a_permission(admin: Client) -> None:
    message = message_with()
    page = client_of("view_message").get(address(message))
    assert "Reading them takes a permission of its own" in text_of(page)
    assert "/text/" not in page.content.decode()


# Taking a message apart


def test_a_plain_message_is_its_text() -> None:
    assert read(b"Subject: Hi\r\n\r\nText\r\n") == Shown(
        headers=(("Subject", "Hi"),), texts=("Text\r\n",), frames=(), attachments=()
    )


def test_a_message_in_another_encoding_is_decoded() -> None:
    text = base64.b64encode("您好".encode("gb18030"))
    head = b"Content-Type: text/plain; charset=gb18030\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    assert read(head + text).texts == ("您好",)


@pytest.mark.parametrize("charset", [b"no-such-charset", b"utf-8", b"ascii"])
def test_what_cannot_be_decoded_is_shown_as_far_as_it_goes(charset: bytes) -> None:
    (text,) = read(b"Content-Type: text/plain; charset=" + charset + b"\r\n\r\ncaf\xe9\r\n").texts
    assert text.startswith("caf")


@pytest.mark.parametrize(
    "content",
    [b"", b"no header at all", b"From: <<<>>>\r\nTo: =?utf-8?b?!!!?=\r\n\r\n",
     b"Content-Type: multipart/mixed\r\n\r\nx",
     b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n', b"From: a@b\r\nFrom: c@d\r\n\r\n"],
)  # fmt: skip
def test_a_malformed_message_is_shown_as_far_as_it_goes(content: bytes) -> None:
    assert isinstance(read(content), Shown)


def test_a_message_inside_is_a_file() -> None:
    content = (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n'
        b"Subject: Inner\r\n\r\nInner text\r\n--b--\r\n"
    )
    found = read(content)
    assert found.texts == ()
    assert [(each.name, each.kind) for each in found.attachments] == [("without a name", "message/rfc822")]


def test_files_are_told_by_name_kind_and_size() -> None:
    assert read(TEXT).attachments == (Attachment(name="invoice.pdf", kind="application/pdf", size=9),)


def test_a_text_too_long_to_read_is_cut() -> None:
    (text,) = read(b"\r\n" + b"x" * 300_000).texts
    assert len(text) == 200_001


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<script>alert(1)</script>x", "x"),
        ("<style>p{}</style>x", "x"),
        ('<p onclick="x()" style="color:red" class="y">a</p>', "<p>a</p>"),
        ('<a href="javascript:x()">a</a>', "a &lt;javascript:x()&gt;"),
        ("<a>a</a>", "a"),
        ('<img src="https://example.com/x.gif">', "[picture]"),
        ('<img alt="<b>">', "[&lt;b&gt;]"),
        ('<form action="https://example.com"><input name="x"><button>Go</button></form>', "Go"),
        ('<meta http-equiv="refresh" content="0;url=https://example.com">x', "x"),
        ('<base href="https://example.com">x', "x"),
        ("<iframe src=x>y</iframe>z", "z"),
        ("<svg><script>x</script></svg>y", "y"),
        ("a &lt;b&gt; &amp;amp; c", "a &lt;b&gt; &amp;amp; c"),
        ("<!-- c --><p>a<br/>b", "<p>a<br>b"),
        ("<scr<script>ipt>alert(1)</script>", "ipt&gt;alert(1)"),
    ],
)
def test_of_html_only_structure_and_words_are_left(html: str, kept: str) -> None:
    assert frame(html).partition("<body>")[2].removesuffix("</body></html>") == kept
