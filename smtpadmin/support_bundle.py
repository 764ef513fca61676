"""What somebody who helps has to know of an installation, in one piece to copy: versions, settings, profiles with their
last test, pauses, the queue, the workers.

No secret, no message and no recipient's address is in it. What is listed is chosen name by name, and each text goes
through a redaction by value besides: a secret typed into the wrong field, or sent back by a server, is cut out in every
encoding. A part that cannot be read says why, and the others are there all the same.
"""

import platform
import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from importlib import metadata
from typing import Any

import django
from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from smtpadmin import __version__, keys, profiles
from smtpadmin.conf import conf
from smtpadmin.crypto import CryptoError
from smtpadmin.diagnosis import provider_of
from smtpadmin.exceptions import KeyringLocked
from smtpadmin.models import Circuit, Lane, Message, Profile, WorkerBeat
from smtpadmin.names import split_sender
from smtpadmin.providers import CatalogueError, UserNameForm
from smtpadmin.smtp import Scrubber, Secret, live_secrets
from smtpadmin.testing import STAGE_LABELS, Report

#: Raised when a key goes or changes its meaning.
VERSION = 1

_PACKAGES = ("cryptography", "dnspython", "gunicorn", "idna", "msgspec", "psycopg")
# Settings whose values are shown; of the others that are set, the name and the size.
_SHOWN = (
    "DEBUG", "DEFAULT_FROM_EMAIL", "EMAIL_BACKEND", "LANGUAGE_CODE", "PASSWORD_RESET", "PASSWORD_RESET_TIMEOUT",
    "SERVER_EMAIL", "SESSION_COOKIE_AGE", "SESSION_COOKIE_SECURE", "TIME_ZONE", "TRUSTED_PROXIES", "USE_I18N", "USE_TZ",
)  # fmt: skip
_FIELDS = (
    "slug", "name", "enabled", "is_default", "provider", "host", "port", "security", "username", "sign_in",
    "from_address", "from_name", "from_policy", "reply_to", "dkim_selector", "ehlo_name", "skip_verify",
    "skip_verify_reason", "skip_verify_until", "pinned_sha256", "allow_plaintext_auth", "batch", "max_message_bytes",
    "max_recipients", "rate_second", "rate_minute", "rate_hour", "rate_day", "pipelining", "chunking",
    "connect_timeout", "command_timeout",
    "test_state", "tested_at", "created_at", "updated_at",
)  # fmt: skip
_PAUSE_FIELDS = (
    "reason", "since", "probe_at", "failures", "ramp", "stage", "cause", "code", "enhanced", "reply", "limited_until",
    "urgent_limited_until",
)  # fmt: skip
_ADDRESS = re.compile(r'("[^"\n]*"|[^\s<>()\[\]",;]+)@[^\s<>()",;]+')
_ANYBODY = "(address)"
# Longer than anything a server's words are likely to hold.
_FENCE = "~~~~~~~~"

_Part = Callable[[], Any]


def collect(slug: str = "") -> dict[str, Any]:
    """Return the bundle as plain data, clean; with `slug`, of the profiles that one alone."""
    cleaner = _cleaner()
    parts: Mapping[str, _Part] = {
        "software": _software,
        "database": _database,
        "settings": _settings,
        "keys": _keys,
        "checks": _checks,
        "profiles": lambda: [_profile(each) for each in _profiles(slug)],
        "queue": _queue,
        "workers": _workers,
    }
    bundle = {"version": VERSION, "made_at": timezone.now()} | {name: _read(part) for name, part in parts.items()}
    cleaned: dict[str, Any] = cleaner.clean(bundle)
    return cleaned


def as_markdown(bundle: Mapping[str, Any]) -> str:
    """Return the bundle as a text to paste into a message, with its headings in the language that is active."""
    return "\n".join(_lines(bundle)) + "\n"


# What may not be in it


class _Cleaner:
    """Cleans texts at any depth: of secrets, and of addresses that are not our own."""

    def __init__(self, secrets: Iterable[Secret], own: Iterable[str]) -> None:
        self._scrubber = Scrubber(secrets)
        self._own = {split_sender(address).address.lower() for address in own}

    def clean(self, value: Any) -> Any:
        match value:
            case str():
                return _ADDRESS.sub(self._address, self._scrubber.clean(value))
            case datetime():
                return value.isoformat(timespec="seconds")
            case date():
                return value.isoformat()
            case Mapping():
                return {key: self.clean(each) for key, each in value.items()}
            case list() | tuple():
                return [self.clean(each) for each in value]
            case _:
                return value

    def _address(self, found: re.Match[str]) -> str:
        return found[0] if found[0].rstrip(".").lower() in self._own else _ANYBODY


def _cleaner() -> _Cleaner:
    """Return a cleaner that knows every secret that can be known here, and the addresses that mail is sent from."""
    values = [*conf.keys, *map(str, [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])]
    values += [str(entry.get("PASSWORD") or "") for entry in settings.DATABASES.values()]
    secrets = [*live_secrets(), *map(Secret, values)]
    own = [settings.DEFAULT_FROM_EMAIL, settings.SERVER_EMAIL]
    found = _read(lambda: list(_profiles("")))
    for profile in found if isinstance(found, list) else ():
        own += [profile.from_address, profile.username, profile.reply_to]
        try:
            secrets.append(profiles.password(profile))
        except (KeyringLocked, CryptoError):
            continue  # what does not open here was not sent from here, and does not come back
    return _Cleaner(secrets, own)


def _read(part: _Part) -> Any:
    """Return a part, or why it cannot be read."""
    try:
        return part()
    except (DatabaseError, InterfaceError, ImproperlyConfigured, CatalogueError) as error:
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}


# The parts


def _software() -> dict[str, Any]:
    return {
        "smtpadmin": __version__,
        "django": django.get_version(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "platform": platform.platform(),
        "packages": {name: version for name in _PACKAGES if (version := _package(name))},
    }


def _package(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _database() -> dict[str, Any]:
    plan = MigrationExecutor(connection).migration_plan(MigrationExecutor(connection).loader.graph.leaf_nodes())
    return {
        "engine": connection.vendor,
        "version": ".".join(map(str, connection.get_database_version())),
        "missing_migrations": [str(migration) for migration, _backwards in plan],
    }


def _settings() -> dict[str, Any]:
    ours = getattr(settings, "SMTPADMIN", {})
    is_set: Callable[[str], bool] = settings.is_overridden  # type: ignore[misc]  # the stubs do not know it
    names = sorted(name for name in dir(settings) if name.isupper() and is_set(name))
    mailers: Mapping[str, Any] = getattr(settings, "MAILERS", {})
    return {
        "values": {name: getattr(settings, name) for name in _SHOWN if name in names},
        "sizes": {name: _size(getattr(settings, name)) for name in names if name not in _SHOWN},
        "smtpadmin": {
            # Others are named by the system checks.
            name: value if isinstance(value := ours[name], bool | int) else _size(value)
            for name in sorted(conf.NAMES & ours.keys())
        },
        "mailers": [
            {"name": name, "backend": str(entry.get("BACKEND", "")), "options": sorted(entry.get("OPTIONS") or {})}
            for name, entry in sorted(mailers.items())
        ],
    }


def _size(value: object) -> str:
    """Return what a value is without what it says."""
    kind = type(value).__name__
    return f"{kind}, {len(value)}" if isinstance(value, str | list | tuple | set | Mapping) else kind


def _keys() -> dict[str, Any]:
    reason = keys.lock_reason()
    return {"count": len(conf.keys), "locked": reason.value if reason else None}


def _checks() -> list[dict[str, Any]]:
    return [
        {"id": found.id, "text": str(found.msg), "hint": str(found.hint or "")}
        for found in run_checks()
        if not found.is_silenced()
    ]


def _profiles(slug: str) -> Iterator[Profile]:
    found = Profile.objects.select_related("fallback").order_by("slug")
    yield from found.filter(slug=slug) if slug else found


def _profile(profile: Profile) -> dict[str, Any]:
    values = {name: getattr(profile, name) for name in _FIELDS}
    provider = provider_of(profile.provider)
    if provider is not None and provider.username is UserNameForm.SAME_AS_SECRET and profile.username:
        values["username"] = "***"  # there it is the secret itself
    circuit = Circuit.objects.filter(profile=profile).first()
    return values | {
        "fallback": profile.fallback.slug if profile.fallback else None,
        "ca_pem": len(profile.ca_pem),
        "secret": _secret_state(profile),
        "pause": circuit and {name: getattr(circuit, name) for name in _PAUSE_FIELDS},
        "last_test": _last_test(profile),
    }


def _secret_state(profile: Profile) -> str:
    if not profile.sealed_password:
        return "none"
    try:
        profiles.password(profile)
    except KeyringLocked:
        return "locked"
    except CryptoError:
        return "for other settings"
    return "stored"


def _last_test(profile: Profile) -> dict[str, Any] | None:
    """Return the last test without its recipient: what it was, step by step, and the verdict."""
    if not profile.test_report:
        return None
    report = Report.from_json(profile.test_report)
    language = translation.get_language() or "en"
    failure, diagnosis = report.failure, report.diagnosis
    return {
        "at": report.at,
        "server": report.server,
        "ok": report.ok,
        "sent": report.sent,
        "seconds": report.seconds,
        "steps": [
            {
                "stage": step.stage,
                "status": step.status,
                "seconds": step.seconds,
                "facts": [f"{key}: {value}" for key, value in step.facts],
                "said": step.said,
            }
            for step in report.steps
        ],
        "failure": failure
        and {
            "stage": str(failure.stage),
            "cause": str(failure.cause),
            "code": failure.code,
            "enhanced": failure.enhanced,
            "text": failure.text,
        },
        "diagnosis": diagnosis
        and {
            "title": diagnosis.title.get(language),
            "cause": diagnosis.cause.get(language),
            "steps": [step.get(language) for step in diagnosis.steps],
            "side": diagnosis.side.value,
            "matched": diagnosis.matched.value,
        },
    }


def _queue() -> list[dict[str, Any]]:
    rows = Message.objects.order_by("state", "lane").values("state", "lane")
    return [
        {"state": row["state"], "lane": Lane(row["lane"]).name.lower(), "count": row["count"], "oldest": row["oldest"]}
        for row in rows.annotate(count=Count("pk"), oldest=Min("created_at"))
    ]


def _workers() -> list[dict[str, Any]]:
    rows = WorkerBeat.objects.order_by("name").values("name", "host", "pid", "started_at", "beat_at")
    return [dict(row) for row in rows]


# As a text


def _lines(bundle: Mapping[str, Any]) -> Iterator[str]:
    yield "# " + _("smtpadmin support bundle")
    yield ""
    yield _("Made at %(time)s. It holds no password, no message and no recipient's address.") % {
        "time": bundle["made_at"]
    }
    headings = {
        "software": _("Versions"),
        "database": _("Database"),
        "settings": _("Settings"),
        "keys": _("Encryption keys"),
        "checks": _("System checks"),
        "queue": _("Queue"),
        "workers": _("Workers"),
    }
    for name, heading in headings.items():
        yield from _section(heading, bundle[name])
    yield ""
    yield "## " + _("Profiles")
    found = bundle["profiles"]
    if isinstance(found, Mapping) or not found:
        yield from ("", *_items(found))
        return
    for profile in found:
        yield from _profile_lines(profile)


def _section(heading: str, value: Any) -> Iterator[str]:
    yield from ("", f"## {heading}", "")
    yield from _items(value)


def _items(value: Any, indent: str = "") -> Iterator[str]:
    """Yield a value as nested lists."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(each, Mapping | list) and each:
                yield f"{indent}- {key}:"
                yield from _items(each, f"{indent}  ")
            else:
                yield f"{indent}- {key}: {_plain(each)}"
    elif value:
        for each in value:
            yield f"{indent}- {_row(each) if isinstance(each, Mapping) else _plain(each)}"
    else:
        yield f"{indent}- {_plain(value)}"


def _row(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {_plain(value)}" for key, value in row.items())


def _plain(value: Any) -> str:
    match value:
        case None | "" | [] | {}:
            return "–"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_plain, value))
        case _:
            return " ".join(str(value).split())


def _profile_lines(profile: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"### {profile['slug']}", "")
    yield from _items({key: value for key, value in profile.items() if key != "last_test"})
    test = profile["last_test"]
    if not test:
        return
    yield from ("", "#### " + _("Last test"), "")
    yield from _items({key: test[key] for key in ("at", "server", "ok", "sent", "seconds", "failure")})
    yield from ("", _FENCE)
    for step in test["steps"]:
        yield f"[{step['status']}] {STAGE_LABELS[step['stage']]}  {step['seconds'] * 1000:.0f} ms"
        yield from (f"    {line}" for line in (*step["facts"], *step["said"]))
    yield _FENCE
    diagnosis = test["diagnosis"]
    if diagnosis:
        yield from ("", diagnosis["title"], "", diagnosis["cause"], "")
        yield from (f"{number}. {step}" for number, step in enumerate(diagnosis["steps"], start=1))
