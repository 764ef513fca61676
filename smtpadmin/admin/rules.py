"""What can be said of a profile's settings before anything is tried: each finding names field, cause and cure.

It looks at a profile that may not be saved yet, and at the profiles that it is tied to, and changes nothing. What one
field alone may hold is the model's and the form's; whether the server agrees is the test's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from smtpadmin import fallback, profiles
from smtpadmin.diagnosis import catalogue, provider_of
from smtpadmin.models import Profile
from smtpadmin.names import ascii_host
from smtpadmin.providers import Provider, SecretKind, UserNameForm, check_from
from smtpadmin.smtp import ConfigError, Secret

_PROTOCOLS = {"tls": "SSL/TLS", "starttls": "STARTTLS", "none": gettext_lazy("no encryption")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A cure that one press applies: values for fields of the form."""

    label: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong, or worth a look (`blocks` false), with one field."""

    field: str
    text: str
    blocks: bool = True
    fixes: tuple[Fix, ...] = ()


def signs_in(profile: Profile) -> bool:
    """Say whether a secret is needed: there is a user name, or the provider takes the secret as one."""
    if profile.sign_in == "none":
        return False
    return bool(profile.username) or _token_is_user_name(provider_of(profile.provider))


def findings(profile: Profile, *, language: str) -> Iterator[Finding]:
    """Yield what is wrong or doubtful, in the reader's language, which must be active."""
    provider = provider_of(profile.provider)
    if provider is not None:
        yield from _provider(profile, provider, language)
    yield from _port(profile)
    yield from _plaintext(profile)
    yield from _config(profile)
    if profile.fallback is not None:
        yield from _fallback(profile, profile.fallback)
    yield from _takes_over(profile)


def _provider(profile: Profile, provider: Provider, language: str) -> Iterator[Finding]:
    name = provider.name.get(language)
    if provider.secret is SecretKind.OAUTH2_ONLY:
        yield Finding(
            field="provider",
            text=_(
                "%(provider)s takes no password of any kind from programs, so this profile could never send. Use a "
                "mailbox of another provider or a sending service."
            )
            % {"provider": name},
        )
        return
    problem = check_from(provider, username=profile.username, address=profile.from_address)
    if problem is not None:
        yield Finding(field="address", text=problem.text.get(language), blocks=problem.certain)
    if _token_is_user_name(provider) and profile.username:
        # A user name is stored, shown and logged in the clear, and this one would be the secret.
        text = _("Leave this empty: %(provider)s takes the token as user name too, and it is put in when signing in.")
        yield Finding(field="username", text=text % {"provider": name})
    if provider.username is UserNameForm.OTHER and not profile.username and profile.sign_in != "none":
        note = provider.username_note.get(language)
        text = _("%(provider)s gives you a user name of its own. Enter it here.") % {"provider": name}
        yield Finding(field="username", text=f"{text} {note}".strip())


def _port(profile: Profile) -> Iterator[Finding]:
    """Compare port and encryption with what the catalogue knows of this very server, else with RFC 8314."""
    if profile.port is None:
        return
    doors = _doors(profile)
    if (profile.port, profile.security) in doors:
        return
    if same_port := [security for port, security in doors if port == profile.port]:
        yield Finding(
            field="security",
            text=_("%(host)s speaks %(protocol)s on port %(port)d, so this combination cannot work.")
            % {"host": profile.host, "protocol": _PROTOCOLS[same_port[0]], "port": profile.port},
            fixes=tuple(_fix(profile.port, security) for security in same_port[:1]),
        )
        return
    if doors:
        listed = pgettext("between items", ", ").join(
            _("%(port)d (%(protocol)s)") % {"port": port, "protocol": _PROTOCOLS[security]} for port, security in doors
        )
        yield Finding(
            field="port",
            text=_("The provider names other ports for this server: %(ports)s.") % {"ports": listed},
            blocks=False,
            fixes=tuple(_fix(port, security) for port, security in doors[:2]),
        )
        return
    yield from _usual_port(profile)


def _doors(profile: Profile) -> list[tuple[int, str]]:
    """Return the ports and protocols that the catalogue knows of this very server, each once."""
    providers: Iterable[Provider] = catalogue()
    if is_loopback(profile.host):
        # "localhost" is whatever runs on this computer: only what was chosen as the provider says anything of it.
        chosen = provider_of(profile.provider)
        providers = [chosen] if chosen is not None else []
    ends = (end for item in providers for end in item.endpoints if end.host == profile.host.lower())
    return list(dict.fromkeys((end.port, str(end.security)) for end in ends))


def _usual_port(profile: Profile) -> Iterator[Finding]:
    if profile.port == 465 and profile.security != "tls":
        text = _("Port 465 is for SSL/TLS from the start. With another setting here most servers never answer.")
        yield Finding(field="security", text=text, blocks=False, fixes=(_fix(465, "tls"), _fix(587, "starttls")))
    elif profile.port in {25, 587} and profile.security == "tls":
        text = _(
            "Port %(port)d starts unencrypted and then switches with STARTTLS; SSL/TLS from the start is port 465."
        )
        yield Finding(
            field="security",
            text=text % {"port": profile.port},
            blocks=False,
            fixes=(_fix(profile.port, "starttls"), _fix(465, "tls")),
        )


def _fix(port: int, security: str) -> Fix:
    label = _("Use port %(port)d with %(protocol)s") % {"port": port, "protocol": _PROTOCOLS[security]}
    return Fix(label=label, values={"port": str(port), "security": security})


def _plaintext(profile: Profile) -> Iterator[Finding]:
    if profile.allow_plaintext_auth and profile.security != "none":
        yield Finding(
            field="allow_plaintext_auth",
            text=_("This connection is encrypted, so there is nothing to allow. Remove the tick."),
            fixes=(Fix(label=_("Remove the tick"), values={"allow_plaintext_auth": ""}),),
        )
    if profile.security != "none" or not signs_in(profile) or is_loopback(profile.host):
        return
    if not profile.allow_plaintext_auth:
        yield Finding(
            field="security",
            text=_(
                "Without encryption anyone on the way can read the password. Choose STARTTLS or SSL/TLS. If the server "
                "has neither, tick “Send the password unencrypted” under “Certificates and encryption”."
            ),
            fixes=(_fix(587, "starttls"), _fix(465, "tls")),
        )


def _fallback(profile: Profile, other: Profile) -> Iterator[Finding]:
    """Compare a profile with the one that is to take over: what would never be handed over is said here."""
    if fallback.strength(other) < fallback.strength(profile):
        text = (
            _("“%(fallback)s” sends unencrypted, and this profile does not: no mail would be handed to it.")
            if other.security == "none"
            else _("“%(fallback)s” does not check its server's certificate, and this profile does: no mail would be "
                   "handed to it.")
        )  # fmt: skip
        cure = _("Choose a profile that is as well protected.")
        yield Finding(field="fallback", text=f"{text % {'fallback': other.name}} {cure}")
        return
    if _leads_back(profile, other):
        text = _(
            "“%(fallback)s” falls back to this profile in turn. That does no harm and helps nobody: mail is not handed "
            "back to a server that it came from."
        )
        yield Finding(field="fallback", text=text % {"fallback": other.name}, blocks=False)
    if fallback.address(other, asked_from=profile.from_address) is None:
        text = _(
            "“%(fallback)s” refuses other From addresses than %(own)s. Mail that an app sends from %(asked)s stays "
            "here and waits."
        )
        values = {"fallback": other.name, "own": other.from_address, "asked": profile.from_address}
        yield Finding(field="fallback", text=text % values, blocks=False)


def _leads_back(profile: Profile, other: Profile) -> bool:
    return profile.pk is not None and profile in fallback.chain(
        other, Profile.objects.defer("test_report", "ca_pem").in_bulk()
    )


def _takes_over(profile: Profile) -> Iterator[Finding]:
    """Say whose mail is no longer handed to this profile, as it is now."""
    if profile.pk is None:
        return
    for other in Profile.objects.filter(fallback=profile.pk):
        if fallback.strength(other) > fallback.strength(profile):
            text = _(
                "“%(profile)s” falls back to this profile and is better protected: it keeps its mail, which waits."
            )
            field = "security" if profile.security == "none" else "skip_verify"
            yield Finding(field=field, text=text % {"profile": other.name}, blocks=False)


def is_loopback(host: str) -> bool:
    """Say whether the name as written is this computer's own. What it resolves to is seen in the test only."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


_CONFIG_TEXTS: dict[str, str | Promise] = {
    "ca_pem": gettext_lazy(
        "This is not a certificate in PEM form. Paste the whole block, from “-----BEGIN CERTIFICATE-----” to "
        "“-----END CERTIFICATE-----”."
    ),
    "pinned_sha256": gettext_lazy(
        "This is not a SHA-256 fingerprint. It has 64 digits from 0 to f; colons between them may stay."
    ),
    "ehlo_name": gettext_lazy(
        "This is not a name that a computer can introduce itself with. Leave it empty if in doubt."
    ),
    "username": gettext_lazy(
        "The user name holds a character that cannot be sent. Type it anew instead of pasting it."
    ),
    "host": gettext_lazy("This address cannot be connected to. Enter the name of the mail server."),
}


def _config(profile: Profile) -> Iterator[Finding]:
    """Ask the SMTP core whether it could work with these values."""
    try:
        profiles.server_config(profile, password=Secret(""))
    except ConfigError as error:
        if error.field in _CONFIG_TEXTS:
            yield Finding(field=error.field, text=str(_CONFIG_TEXTS[error.field]))
    except ValueError:
        # Neither a name nor an address. The fields' own checks come first; this keeps a gap in them from ending in 500.
        field = "ehlo_name" if _is_host(profile.host) else "host"
        yield Finding(field=field, text=str(_CONFIG_TEXTS[field]))


def _is_host(host: str) -> bool:
    try:
        ascii_host(host)
    except ValueError:
        return False
    return True


def _token_is_user_name(provider: Provider | None) -> bool:
    return provider is not None and provider.username is UserNameForm.SAME_AS_SECRET
