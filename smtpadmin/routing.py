"""Which profile a message would leave through now, and why: for people who ask, before anything is sent.

The answer comes from the rules that real mail follows: `profiles.choose`, `compose`, `fallback`, and the outbox's
pauses and rates. It is a value with its texts in the language that is active; a page or a command shows it. Nothing is
changed, and no server is asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email import message_from_bytes, policy
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from smtpadmin import fallback, keys, options, profiles
from smtpadmin.compose import asked_from, compose, wants_from
from smtpadmin.conf import conf
from smtpadmin.crypto import CryptoError
from smtpadmin.diagnosis import provider_of
from smtpadmin.exceptions import MessageRefused, NoProfile
from smtpadmin.models import Circuit, Lane, PauseReason, Profile, TestState
from smtpadmin.names import ascii_address
from smtpadmin.outbox import pace
from smtpadmin.profiles import Reason
from smtpadmin.providers import check_from
from smtpadmin.smtp import ContentError, Secret

_BACKEND = "smtpadmin.backend.EmailBackend"


class Effect(StrEnum):
    """What something means for the message."""

    #: It never leaves through this profile as it is.
    REFUSED = "refused"
    #: It does not leave now, and will when this is over.
    WAITS = "waits"
    #: It leaves, and the server may refuse it.
    DOUBTFUL = "doubtful"


class Finding(StrEnum):
    """What stands in the way of a message at one profile."""

    LOCKED = "locked"
    DISABLED = "disabled"
    MESSAGE = "message"
    FROM_POLICY = "from policy"
    WEAKER = "weaker"
    PAUSED = "paused"
    NO_SECRET = "no secret"  # noqa: S105
    RATE = "rate"
    FROM_RULE = "from rule"
    TEST_FAILED = "test failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One thing in the way. `until` is when it may be over, where that is known."""

    finding: Finding
    effect: Effect
    text: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One profile on the way: how it would send the message, what is in the way, and what its limits leave."""

    profile: Profile
    #: The From and Reply-To that readers would see; empty where it would not send it.
    from_header: str = ""
    reply_to: str = ""
    obstacles: tuple[Obstacle, ...] = ()
    limits: tuple[pace.Left, ...] = ()

    def has(self, *findings: Finding) -> bool:
        return any(obstacle.finding in findings for obstacle in self.obstacles)

    @property
    def refuses(self) -> bool:
        return any(obstacle.effect is Effect.REFUSED for obstacle in self.obstacles)

    @property
    def waits(self) -> bool:
        return any(obstacle.effect is Effect.WAITS for obstacle in self.obstacles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way of one message as things are now.

    `slug` is the profile that the app names, if any. Without an `origin` no profile was found, and `why` says so; else
    it says why the origin was chosen. `through` is the profile it leaves by, now or when its turn comes; None: it is
    refused.
    """

    recipient: str
    slug: str
    lane: Lane
    queued: bool
    why: str
    reason: Reason | None = None
    origin: Stop | None = None
    fallbacks: tuple[Stop, ...] = ()
    through: Stop | None = None

    @property
    def leaves_now(self) -> bool:
        """Whether nothing known keeps it back; the server may still refuse it."""
        return self.through is not None and not self.through.waits


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What the settings of an app say of its mail; None: nothing."""

    profile: str = ""
    lane: Lane | None = None
    queue: bool | None = None


class NoApp(Exception):
    """No app of this project has that name, or its mail does not come here. The text says which."""


def apps() -> list[str]:
    """Return the entries of MAILERS whose mail comes here."""
    mailers: Mapping[str, Any] = getattr(settings, "MAILERS", {})
    return sorted(name for name, entry in mailers.items() if entry.get("BACKEND") == _BACKEND)


def app(name: str) -> App:
    """Return what the entry `name` of MAILERS says of its mail. Raise NoApp."""
    mailers: Mapping[str, Any] = getattr(settings, "MAILERS", {})
    if name not in mailers:
        known = ", ".join(sorted(mailers)) or pgettext("list", "none")
        raise NoApp(_("MAILERS has no entry “%(name)s”. It has: %(known)s.") % {"name": name, "known": known})
    if mailers[name].get("BACKEND") != _BACKEND:
        raise NoApp(_("The mail of MAILERS[“%(name)s”] does not come here: it has another backend.") % {"name": name})
    said = mailers[name].get("OPTIONS") or {}
    try:
        wishes = options.read(lane=said.get("lane"))
    except ValueError as error:
        raise NoApp(f"MAILERS[{name!r}]: {error}") from None
    return App(profile=said.get("profile", ""), lane=wishes.lane, queue=said.get("queue"))


def explain(
    *,
    from_address: str = "",
    recipient: str,
    slug: str = "",
    lane: Lane | None = None,
    queue: bool | None = None,
) -> Route:
    """Return the way of a message from `from_address` to `recipient` for an app that names the profile `slug`.

    An empty From is what the project's DEFAULT_FROM_EMAIL says, and an empty slug leaves the choice to the rules.
    """
    message = EmailMessage(subject="-", body="-", from_email=from_address or None, to=[recipient])
    route = Route(
        recipient=recipient,
        slug=slug,
        lane=Lane.NORMAL if lane is None else lane,
        queued=conf.queue if queue is None else queue,
        why="",
    )
    asked = wants_from(message)
    try:
        choice = profiles.choose(slug=slug, from_address=asked)
    except NoProfile:
        return replace(route, why=_no_profile(slug))
    way = _Way(message, choice.profile, lane=route.lane, queued=route.queued)
    return replace(
        route,
        why=_why(choice.reason, choice.profile, asked=asked),
        reason=choice.reason,
        origin=way.origin,
        fallbacks=way.fallbacks,
        through=way.through(),
    )


class _Way:
    """One message, the profile chosen for it, and those that may take over."""

    def __init__(self, message: EmailMessage, origin: Profile, *, lane: Lane, queued: bool) -> None:
        self._message = message
        self._asked = asked_from(message)
        self._recipient = _in_envelope(message.to[0])
        self._urgent = lane is Lane.URGENT
        self._queued = queued
        self._locked = keys.lock_reason() is not None
        # The app's own profile goes first; each profile behind it only takes over.
        self.origin = self._origin(origin)
        # What is no message at all is refused at once, whatever comes behind.
        takes_over = queued and not self.origin.has(Finding.MESSAGE)
        self.fallbacks = tuple(self._fallback(each, origin) for each in _behind(origin)) if takes_over else ()

    def through(self) -> Stop | None:
        """Return the profile that sends it: the origin unless it is paused, then the first that may; else it waits."""
        if self.origin.refuses:
            return None
        if not self.origin.has(Finding.PAUSED):
            return self.origin
        ready = (stop for stop in self.fallbacks if not stop.refuses and not stop.has(Finding.PAUSED))
        return next(ready, self.origin)

    def _origin(self, profile: Profile) -> Stop:
        try:
            envelope = compose(self._message, profile)
        except MessageRefused as refusal:
            finding = Finding.FROM_POLICY if self._is_policy(profile) else Finding.MESSAGE
            refused = Obstacle(finding=finding, effect=Effect.REFUSED, text=str(refusal))
            return Stop(profile=profile, obstacles=(refused, *self._common(profile, sender="")))
        written = message_from_bytes(envelope.content, policy=policy.default)
        return Stop(
            profile=profile,
            from_header=str(written["From"]),
            reply_to=str(written["Reply-To"] or ""),
            obstacles=tuple(self._common(profile, sender=envelope.sender)),
            limits=self._limits(profile),
        )

    def _fallback(self, profile: Profile, origin: Profile) -> Stop:
        address = fallback.address(profile, asked_from=self._asked)
        obstacles = [
            *_strength(profile, origin),
            *self._common(profile, sender=address.sender if address else ""),
        ]
        if address is None:
            text = _("It sends only from %(own)s.") % {"own": profile.from_address}
            obstacles.insert(0, Obstacle(finding=Finding.FROM_POLICY, effect=Effect.REFUSED, text=text))
            return Stop(profile=profile, obstacles=tuple(obstacles))
        return Stop(
            profile=profile,
            from_header=address.from_header,
            reply_to=address.reply_to or profile.reply_to,
            obstacles=tuple(obstacles),
            limits=self._limits(profile),
        )

    def _is_policy(self, profile: Profile) -> bool:
        try:
            return bool(self._asked) and fallback.address(profile, asked_from=self._asked) is None
        except ContentError:
            return False  # the From is no address

    def _common(self, profile: Profile, *, sender: str) -> Iterator[Obstacle]:
        """Yield what may be in the way at any profile, the worst first."""
        if not profile.enabled:
            text = _("It is disabled: nothing goes through it, nor to what comes behind it.")
            yield Obstacle(finding=Finding.DISABLED, effect=Effect.REFUSED, text=text)
        if self._locked and (self._queued or profile.sealed_password):
            text = _("The panel is locked: mail can neither be stored nor signed in for.")
            yield Obstacle(finding=Finding.LOCKED, effect=Effect.REFUSED, text=text)
        yield from _pause(profile)
        if not self._locked:
            yield from _secret(profile)
        yield from self._rate(profile)
        yield from _from_rule(profile, sender)
        if profile.test_state == TestState.FAILING:
            yield Obstacle(finding=Finding.TEST_FAILED, effect=Effect.DOUBTFUL, text=_("Its last test failed."))

    def _limits(self, profile: Profile) -> tuple[pace.Left, ...]:
        return pace.left(profile, self._recipient, urgent=self._urgent)

    def _rate(self, profile: Profile) -> Iterator[Obstacle]:
        if any(not each.left for each in self._limits(profile)):
            text = _("Its limit is reached; the message waits until it may send again.")
            yield Obstacle(finding=Finding.RATE, effect=Effect.WAITS, text=text)


def _in_envelope(address: str) -> str:
    """Return the address as rates know it; empty where it is none: then `compose` says so."""
    try:
        return ascii_address(address)
    except ValueError:
        return ""


def _behind(origin: Profile) -> Iterator[Profile]:
    """Yield the profiles of the origin's chain up to the first that is disabled: nothing is passed through that one."""
    everyone = {each.pk: each for each in Profile.objects.defer("test_report")}
    for profile in fallback.chain(origin, everyone):
        yield profile
        if not profile.enabled:
            return


def _why(reason: Reason, profile: Profile, *, asked: str) -> str:
    match reason:
        case Reason.NAMED:
            return _("The app names this profile.")
        case Reason.FROM_ADDRESS:
            return _("Its From address is the message's, %(address)s.") % {"address": profile.from_address}
        case Reason.DEFAULT if asked:
            return _("It is the default, and no enabled profile has the From address %(address)s.") % {"address": asked}
        case Reason.DEFAULT:
            return _("It is the default, and the message names neither a profile nor a From address.")


def _no_profile(slug: str) -> str:
    if not slug:
        return _("There is no default profile, so this mail is refused.")
    if Profile.objects.filter(slug=slug).exists():
        return _("The app names the profile “%(slug)s”, which is disabled, so this mail is refused.") % {"slug": slug}
    return _("The app names the profile “%(slug)s”, which does not exist, so this mail is refused.") % {"slug": slug}


def _strength(profile: Profile, origin: Profile) -> Iterator[Obstacle]:
    if fallback.strength(profile) < fallback.strength(origin):
        text = _("Its connection is guarded less well than that of %(profile)s.") % {"profile": origin.name}
        yield Obstacle(finding=Finding.WEAKER, effect=Effect.REFUSED, text=text)


def _pause(profile: Profile) -> Iterator[Obstacle]:
    circuit = Circuit.objects.filter(profile_id=profile.pk, probe_at__gt=timezone.now()).exclude(reason="").first()
    # An edit is a reason to try at once.
    if circuit is None or circuit.profile_version != profile.updated_at:
        return
    text = _("It is paused: %(reason)s.") % {"reason": PauseReason(circuit.reason).label}
    yield Obstacle(finding=Finding.PAUSED, effect=Effect.WAITS, text=text, until=circuit.probe_at)


def _secret(profile: Profile) -> Iterator[Obstacle]:
    signs_in = profiles.server_config(profile, password=Secret("-")).signs_in
    if not signs_in:
        return
    if not profile.sealed_password:
        text = _("It has a user name and no secret, so it cannot sign in.")
        yield Obstacle(finding=Finding.NO_SECRET, effect=Effect.WAITS, text=text)
        return
    try:
        profiles.password(profile)
    except CryptoError:
        text = _("Its secret was given for other settings, so it cannot sign in. Type it again.")
        yield Obstacle(finding=Finding.NO_SECRET, effect=Effect.WAITS, text=text)


def _from_rule(profile: Profile, sender: str) -> Iterator[Obstacle]:
    provider = provider_of(profile.provider)
    problem = check_from(provider, username=profile.username, address=sender) if provider and sender else None
    if problem is not None:
        text = problem.text.get(get_language() or "en")
        yield Obstacle(finding=Finding.FROM_RULE, effect=Effect.DOUBTFUL, text=text)
