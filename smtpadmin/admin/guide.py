"""What a provider's record says to people, in sentences and in the reader's language: the guide beside the form.

The facts are `providers`'; what the form does with them is `presets`'.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smtpadmin.admin.presets import CATEGORY_LABELS, other_name
from smtpadmin.providers import FromRule, Limits, Provider, SecretKind, UserNameForm, Window

SECURITY_LABELS: dict[str, str | Promise] = {
    "tls": "SSL/TLS",
    "starttls": "STARTTLS",
    "none": gettext_lazy("not encrypted"),
}

_FROM_RULES = {
    FromRule.SAME_AS_LOGIN: gettext_lazy("From must be the address you sign in with."),
    FromRule.LOGIN_OR_ALIAS: gettext_lazy("From must be the address you sign in with, or an alias of it."),
    FromRule.VERIFIED: gettext_lazy("From must be an address or domain that you have verified there."),
    FromRule.ACCEPTED_DOMAIN: gettext_lazy("From must be an address in one of your own domains there."),
    FromRule.ANY: gettext_lazy("Any From address is accepted."),
}
_USER_NAMES = {
    UserNameForm.FULL_ADDRESS: gettext_lazy("the full e-mail address"),
    UserNameForm.LOCAL_PART: gettext_lazy("the part of the address before the @"),
    UserNameForm.SAME_AS_SECRET: gettext_lazy("the same token as the secret"),
    UserNameForm.OTHER: gettext_lazy("shown by the provider"),
    UserNameForm.NONE: gettext_lazy("none"),
}
_PERIODS = {
    1: gettext_lazy("a second"),
    60: gettext_lazy("a minute"),
    3600: gettext_lazy("an hour"),
    86400: gettext_lazy("a day"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLine:
    """One door of the provider; `number` is its place in the record."""

    number: int
    host: str
    port: int
    security: str
    security_label: str | Promise
    note: str

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeLine:
    """A change at the provider."""

    text: str
    when: str
    ahead: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """One provider in one language."""

    key: str
    name: str
    other_name: str
    category: str | Promise
    secret_kind: str
    secret_label: str
    secret_note: str
    takes_password: bool
    oauth2_only: bool
    username: str
    username_note: str
    steps: tuple[str, ...]
    docs_url: str
    from_rule: str
    from_note: str
    spf_include: str
    limits: tuple[str, ...]
    limits_note: str
    notices: tuple[NoticeLine, ...]
    warnings: tuple[str, ...]
    endpoints: tuple[EndpointLine, ...]
    sources: tuple[str, ...]
    checked: date | None
    cross_checked: bool

    @property
    def preset(self) -> EndpointLine:
        return self.endpoints[0]

    @property
    def past_notices(self) -> tuple[NoticeLine, ...]:
        return tuple(notice for notice in self.notices if not notice.ahead)


def guide(provider: Provider, language: str, *, today: date) -> Guide:
    """Return the record as a page shows it. Call it with the language active: sentences of our own are in it too."""
    return Guide(
        key=provider.key,
        name=provider.name.get(language),
        other_name=other_name(provider, language),
        category=CATEGORY_LABELS[provider.category],
        secret_kind=provider.secret,
        secret_label=provider.secret_label.get(language),
        secret_note=provider.secret_note.get(language),
        takes_password=provider.takes_password,
        oauth2_only=provider.secret is SecretKind.OAUTH2_ONLY,
        username=provider.username_literal or str(_USER_NAMES.get(provider.username, "")),
        username_note=provider.username_note.get(language),
        steps=tuple(step.get(language) for step in provider.steps),
        docs_url=provider.docs_url,
        from_rule=str(_FROM_RULES[provider.from_rule]) if provider.from_documented else "",
        from_note=provider.from_note.get(language),
        spf_include=provider.spf_include,
        limits=tuple(limit_lines(provider.limits)) if provider.limits else (),
        limits_note=provider.limits.note.get(language) if provider.limits else "",
        notices=tuple(notice_lines(provider, language, today=today)),
        warnings=tuple(warning.get(language) for warning in provider.warnings),
        endpoints=tuple(_endpoints(provider, language)),
        sources=provider.sources,
        checked=provider.checked,
        cross_checked=provider.cross_checked,
    )


def notice_lines(provider: Provider, language: str, *, today: date) -> Iterator[NoticeLine]:
    """Yield the provider's changes that still matter, the next one first."""
    current = [notice for notice in provider.notices if notice.until is None or notice.until >= today]
    for notice in sorted(current, key=lambda item: (item.since or date.min) <= today):
        moment = notice.since or notice.until
        yield NoticeLine(
            text=notice.text.get(language),
            when=date_format(moment, "DATE_FORMAT") if moment else "",
            ahead=notice.since is not None and notice.since > today,
        )


def _endpoints(provider: Provider, language: str) -> Iterator[EndpointLine]:
    for number, endpoint in enumerate(provider.endpoints):
        yield EndpointLine(
            number=number,
            host=endpoint.host,
            port=endpoint.port,
            security=endpoint.security,
            security_label=SECURITY_LABELS[endpoint.security],
            note=endpoint.note.get(language) if endpoint.note else endpoint.region,
        )


def limit_lines(limits: Limits) -> Iterator[str]:
    """Yield each limit as a short phrase."""
    for window in limits.rates:
        text = ngettext("%(count)s message %(period)s", "%(count)s messages %(period)s", window.count)
        yield text % {"count": number_format(window.count, force_grouping=True), "period": _period(window)}
    yield from _recipient_lines(limits)
    for size, label in (
        (limits.message_bytes, _("%(size)s per message")),
        (limits.body_bytes, _("%(size)s of text")),
        (limits.attachment_bytes, _("%(size)s per attachment")),
        (limits.attachments_bytes, _("%(size)s of attachments")),
    ):
        if size is not None:
            yield label % {"size": _size(size)}
    if limits.attachments is not None:
        text = ngettext("%(count)s attachment per message", "%(count)s attachments per message", limits.attachments)
        yield text % {"count": limits.attachments}
    if limits.connections is not None:
        text = ngettext("%(count)s connection at once", "%(count)s connections at once", limits.connections)
        yield text % {"count": limits.connections}
    if limits.refused_headers:
        yield _("no %(headers)s") % {"headers": ", ".join(limits.refused_headers)}


def _recipient_lines(limits: Limits) -> Iterator[str]:
    for count, text in (
        (limits.recipients_per_message, _("%(count)s recipients per message")),
        (limits.recipients_per_day, _("%(count)s recipients a day")),
        (limits.external_recipients_per_day, _("%(count)s outside recipients a day")),
    ):
        if count is not None:
            yield text % {"count": number_format(count, force_grouping=True)}
    for window in limits.per_recipient:
        text = ngettext(
            "%(count)s message to one recipient %(period)s",
            "%(count)s messages to one recipient %(period)s",
            window.count,
        )
        yield text % {"count": window.count, "period": _period(window)}


def _period(window: Window) -> str:
    if window.seconds in _PERIODS:
        return str(_PERIODS[window.seconds])
    for seconds, text in (
        (86400, _("in %(count)d days")),
        (3600, _("in %(count)d hours")),
        (60, _("in %(count)d minutes")),
    ):
        if window.seconds % seconds == 0:
            return text % {"count": window.seconds // seconds}
    return _("in %(count)d seconds") % {"count": window.seconds}


def _size(size: int) -> str:
    # Providers write MB and mean powers of two as often as of ten; the nearest whole one is what they say.
    megabyte = 1024 * 1024 if size % (1024 * 1024) == 0 else 1_000_000
    return f"{size / megabyte:g} MB" if size >= megabyte else f"{size / 1024:g} kB"
