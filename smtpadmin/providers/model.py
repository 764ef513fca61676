"""What is known about a mail provider, as frozen values.

The shapes here are the schema of the data files: `msgspec` refuses an unknown field or a wrong type, and
`checks.py` looks at what types cannot say. Reading files is `catalogue.py`'s, explaining replies `decoder.py`'s.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Final

import msgspec


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence in both languages; false when there is nothing to say."""

    en: str = ""
    zh: str = ""

    def get(self, language_code: str) -> str:
        """Return the Chinese for any `zh` language code, else the English."""
        return self.zh if language_code.lower().startswith("zh") else self.en

    def __bool__(self) -> bool:
        return bool(self.en or self.zh)


NO_TEXT: Final = Text()


class Category(StrEnum):
    """What kind of service this is, which decides how its limits and From rule are read."""

    MAILBOX = "mailbox"  #: personal mailboxes
    BUSINESS = "business"  #: mailboxes on an organisation's own domain
    TRANSACTIONAL = "transactional"  #: services made for sending from programs
    LOCAL = "local"  #: servers on this host or network, and mail catchers for tests


class Security(StrEnum):
    TLS = "tls"  #: implicit TLS: the connection starts encrypted
    STARTTLS = "starttls"  #: starts plain, is encrypted before signing in
    NONE = "none"


class SecretKind(StrEnum):
    """What the provider really wants in the password field."""

    PASSWORD = "password"  # noqa: S105
    APP_PASSWORD = "app_password"  # noqa: S105
    AUTHORIZATION_CODE = "authorization_code"
    API_KEY = "api_key"
    SMTP_PASSWORD = "smtp_password"  # noqa: S105
    TOKEN = "token"  # noqa: S105
    NONE = "none"
    OAUTH2_ONLY = "oauth2_only"  #: no password of any kind is accepted
    OAUTH2 = "oauth2"  #: only among `alternatives`


SECRET_LABELS: Final[dict[SecretKind, Text]] = {
    SecretKind.PASSWORD: Text("Mailbox password", "邮箱密码"),
    SecretKind.APP_PASSWORD: Text("App password", "应用专用密码"),
    SecretKind.AUTHORIZATION_CODE: Text("Authorization code", "授权码"),
    SecretKind.API_KEY: Text("API key", "API 密钥"),
    SecretKind.SMTP_PASSWORD: Text("SMTP password", "SMTP 密码"),
    SecretKind.TOKEN: Text("Token", "令牌"),
    SecretKind.NONE: Text("No password", "无需密码"),
    SecretKind.OAUTH2_ONLY: Text("OAuth2 only (no password)", "仅支持 OAuth2（不接受密码）"),
    SecretKind.OAUTH2: Text("OAuth2", "OAuth2"),
}


class UserNameForm(StrEnum):
    """How the user name follows from the address."""

    FULL_ADDRESS = "full_address"
    LOCAL_PART = "local_part"  #: the part before the @
    LITERAL = "literal"  #: always `username_literal`
    SAME_AS_SECRET = "same_as_secret"  # noqa: S105 the token goes into both fields, so it must not be stored in the clear
    OTHER = "other"  #: shown by the provider; cannot be derived
    NONE = "none"  #: no sign-in


class FromRule(StrEnum):
    """Which From addresses the provider lets through."""

    SAME_AS_LOGIN = "same_as_login"
    LOGIN_OR_ALIAS = "login_or_alias"
    VERIFIED = "verified"  #: a domain or address proven in the provider's console
    ACCEPTED_DOMAIN = "accepted_domain"  #: any address in a domain of the organisation
    ANY = "any"


class Side(StrEnum):
    """Who can mend a failure."""

    YOU = "you"
    PROVIDER = "provider"
    RECIPIENT = "recipient"
    NETWORK = "network"


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One door of the provider. A host may hold one `{placeholder}` that the operator fills in."""

    host: str
    port: int
    security: Security
    region: str = ""
    note: Text | None = None

    @property
    def is_template(self) -> bool:
        return "{" in self.host


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """At most `count` in any `seconds`."""

    count: int
    seconds: int


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the provider allows; where plans differ, the smallest figure, explained in `note`."""

    per_second: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    windows: tuple[Window, ...] = ()  #: other lengths of time
    per_recipient: tuple[Window, ...] = ()  #: from one sender to the same recipient
    recipients_per_message: int | None = None
    recipients_per_day: int | None = None
    external_recipients_per_day: int | None = None
    per_connection: int | None = None
    connections: int | None = None
    message_bytes: int | None = None
    body_bytes: int | None = None
    attachments: int | None = None
    attachment_bytes: int | None = None
    attachments_bytes: int | None = None  #: all attachments together
    line_length: int | None = None
    refused_headers: tuple[str, ...] = ()
    note: Text = NO_TEXT

    @property
    def rates(self) -> tuple[Window, ...]:
        """Every limit on messages over time as a window, shortest first."""
        named = ((self.per_second, 1), (self.per_minute, 60), (self.per_hour, 3600), (self.per_day, 86400))
        own = tuple(Window(count=count, seconds=seconds) for count, seconds in named if count is not None)
        return tuple(sorted(own + self.windows, key=lambda window: window.seconds))


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A change at the provider, with the days from and until which it matters."""

    text: Text
    since: dt.date | None = None
    until: dt.date | None = None


class KnownReply(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A reply of this provider and what it means there.

    `match` is the reply as the server sends it: code, enhanced status code and words, each of which may be
    left out; `*` stands for any words. Texts may hold `{provider}`, `{secret}` and `{reference}`.
    """

    match: str = ""
    meaning: Text
    fix: tuple[Text, ...]
    title: Text = NO_TEXT
    side: Side = Side.YOU
    stage: str = ""  #: only in this stage of the conversation
    cause: str = ""  #: instead of a reply: what the client found out
    with_setup: bool = False  #: follow the fix with the provider's set-up steps
    sign_in: bool = False  #: it refuses a sign-in: the kind of secret tells why
    link: str = ""


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One record of the catalogue. The first endpoint is the preset."""

    key: str
    name: Text
    endpoints: tuple[Endpoint, ...]
    order: int = 10_000  #: place in lists; the operator's own records come first
    category: Category = Category.BUSINESS
    aliases: tuple[str, ...] = ()  #: other names people search for
    domains: tuple[str, ...] = ()  #: of addresses; `*.example.com` means its subdomains
    mx_suffixes: tuple[str, ...] = ()
    secret: SecretKind = SecretKind.PASSWORD
    alternatives: tuple[SecretKind, ...] = ()
    secret_name: Text = NO_TEXT  #: what the provider calls it, where that differs from the kind's label
    secret_note: Text = NO_TEXT
    username: UserNameForm = UserNameForm.FULL_ADDRESS
    username_literal: str = ""
    username_note: Text = NO_TEXT
    steps: tuple[Text, ...] = ()
    docs_url: str = ""
    from_rule: FromRule = FromRule.ANY
    from_documented: bool = True  #: False: the rule is safe advice, no source states it
    from_note: Text = NO_TEXT
    spf_include: str = ""
    dkim_selectors: tuple[str, ...] = ()  #: the usual ones for an own domain; it has one of them, or all
    limits: Limits | None = None
    notices: tuple[Notice, ...] = ()
    warnings: tuple[Text, ...] = ()
    family: str = ""  #: the set of known replies shared with providers on the same system
    known_replies: tuple[KnownReply, ...] = ()
    sources: tuple[str, ...] = ()
    checked: dt.date | None = None
    cross_checked: bool = False  #: two or more independent sources name the endpoint

    @property
    def preset(self) -> Endpoint:
        return self.endpoints[0]

    @property
    def secret_label(self) -> Text:
        """What to call the password field."""
        return self.secret_name or SECRET_LABELS[self.secret]

    @property
    def takes_password(self) -> bool:
        """Whether the password field is normally filled in here; `alternatives` may still hold a password."""
        return self.secret not in {SecretKind.NONE, SecretKind.OAUTH2_ONLY}

    def username_for(self, address: str) -> str:
        """Return the user name that belongs to an address, or "" when it cannot be derived."""
        match self.username:
            case UserNameForm.FULL_ADDRESS:
                return address
            case UserNameForm.LOCAL_PART:
                return address.rpartition("@")[0]
            case UserNameForm.LITERAL:
                return self.username_literal
            case _:
                return ""
