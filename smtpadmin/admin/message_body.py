"""The text of a message, for those who may read it: what its parts say, and the page that shows it.

The text is a secret. Each view is recorded before it is shown, the page is kept by no cache, and nothing in the message
can load, run or lead anywhere: HTML loses all but its structure, and stands in a frame that forbids the rest. Urgent
messages are not shown at all, because they are sign-in codes and password links.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.errors import MessageError
from email.message import MIMEPart
from email.parser import BytesParser
from html import escape
from html.parser import HTMLParser

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern
from django.utils.cache import patch_cache_control
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods

from smtpadmin import keys
from smtpadmin.admin import history
from smtpadmin.admin.pages import Pages
from smtpadmin.crypto import CryptoError
from smtpadmin.models import Body, Lane, Message

_HEADERS = ("From", "To", "Cc", "Reply-To", "Subject", "Date")
# What a reader needs to follow a text: everything else, and every attribute, is left out.
_KEPT_TAGS = frozenset(
    {
        *("p", "br", "div", "span", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "center", "blockquote", "pre", "code"),
        *("ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th"),
        *("b", "strong", "i", "em", "u", "s", "small", "sub", "sup"),
    }
)
_VOID_TAGS = frozenset({"br", "hr"})
_SILENT_TAGS = frozenset({"script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math"})
# Nobody reads on here, and a browser has to hold it.
_MOST_SHOWN = 200_000
_FRAME_POLICY = "default-src 'none'; form-action 'none'; base-uri 'none'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with the message; its content is not shown."""

    name: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message for a reader: its headers, its texts, its HTML parts as frames, its files."""

    headers: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]
    frames: tuple[str, ...]
    attachments: tuple[Attachment, ...]


def read(content: bytes) -> Shown:
    """Take a message apart. Whatever is malformed in it is shown as far as it can be read."""
    message = BytesParser(policy=policy.default).parsebytes(content)
    texts: list[str] = []
    frames: list[str] = []
    attachments: list[Attachment] = []
    for part in _leaves(message):
        kind = part.get_content_type()
        if part.get_content_disposition() == "attachment" or part.get_filename() or not kind.startswith("text/"):
            attachments.append(_attachment(part, kind))
        elif kind == "text/html":
            frames.append(frame(_decoded(part)))
        else:
            texts.append(_decoded(part))
    return Shown(
        headers=tuple((name, text) for name in _HEADERS if (text := _header(message, name))),
        texts=tuple(texts),
        frames=tuple(frames),
        attachments=tuple(attachments),
    )


def _leaves(part: MIMEPart) -> Iterator[MIMEPart]:
    """Yield the parts that hold something. A message inside is a file: its texts are not this one's."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for each in part.iter_parts():
            yield from _leaves(each)
    else:
        yield part


def _header(message: MIMEPart, name: str) -> str:
    try:
        return ", ".join(str(value) for value in message.get_all(name, []))
    except (LookupError, ValueError, MessageError):
        # The parser of addresses gives up on some malformed ones: then as it is.
        return ", ".join(str(value) for key, value in message.raw_items() if key.lower() == name.lower())


def _decoded(part: MIMEPart) -> str:
    data = _data(part)
    try:
        text = data.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        text = data.decode("utf-8", "replace")
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"


def _data(part: MIMEPart) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _attachment(part: MIMEPart, kind: str) -> Attachment:
    size = len(part.as_bytes()) if part.is_multipart() else len(_data(part))
    return Attachment(name=part.get_filename() or pgettext("attachment", "without a name"), kind=kind, size=size)


def frame(html: str) -> str:
    """Return a document for a sandboxed frame: the structure and the words of `html`, its links written out."""
    writer = _Structure()
    writer.feed(html)
    writer.close()
    rule = f'<meta http-equiv="Content-Security-Policy" content="{_FRAME_POLICY}">'
    return f'<!doctype html><html><head><meta charset="utf-8">{rule}</head><body>{writer.text}</body></html>'


class _Structure(HTMLParser):
    """Writes a page anew with harmless elements only. Where a link or a picture stood, its address is text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._written: list[str] = []
        self._silent = ""
        self._links: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self._written)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent:
            return
        values = {name: value or "" for name, value in attrs}
        if tag in _SILENT_TAGS:
            self._silent = tag
        elif tag == "a":
            self._links.append(values.get("href", ""))
        elif tag == "img":
            words = values.get("alt") or pgettext("in a text", "picture")
            self._written.append(f"[{escape(words)}]")
        elif tag in _KEPT_TAGS:
            self._written.append(f"<{tag}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID_TAGS:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            self._silent = "" if tag == self._silent else self._silent
        elif tag == "a":
            if self._links and (address := self._links.pop()):
                self._written.append(f" &lt;{escape(address)}&gt;")
        elif tag in _KEPT_TAGS - _VOID_TAGS:
            self._written.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._written.append(escape(data))


def may_read(request: HttpRequest) -> bool:
    """Say whether this user may read the text of messages."""
    return request.user.has_perm("smtpadmin.read_message_body")


def is_shown(message: Message) -> bool:
    """Say whether anybody may read the text of this message."""
    return message.lane != Lane.URGENT


@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="body")
class BodyViews(Pages):
    """The page of a message's text. A GET asks, a POST shows: what fetches links ahead opens nothing."""

    def urls(self) -> list[URLPattern]:
        return [self.page("<int:pk>/text/", self.body, "message_body")]

    def body(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        message: Message | None = self.admin.get_object(request, str(pk))
        if not self.admin.has_view_permission(request) or not may_read(request):
            raise PermissionDenied
        if message is None:
            raise Http404
        if locked := self.locked(request):
            return locked
        sealed = Body.objects.filter(message=message).first()
        context: dict[str, object] = {
            "title": _("Text of the message"),
            "message": message,
            "is_shown": is_shown(message),
            "is_kept": sealed is not None,
            "back_url": self.url("message_change", pk),
        }
        if request.method == "POST" and sealed is not None and is_shown(message):
            context |= self._opened(request, message, sealed)
        response = self.render(request, "smtpadmin/message_body.html", context)
        patch_cache_control(response, no_store=True, private=True)
        return response

    def _opened(self, request: HttpRequest, message: Message, sealed: Body) -> dict[str, object]:
        """Record the view, and only then return what is shown."""
        try:
            content = keys.keyring().open_bytes(message.body_context, bytes(sealed.sealed))
        except CryptoError:
            return {"is_damaged": True}
        self.admin.log_change(request, message, history.event("message_read"))
        return {"shown": read(content)}
