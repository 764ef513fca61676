"""What may be done with a profile, and which one a message uses.

Every change of a profile's state is here: its secret, the default, enabling, copying, the record of its last test.
How mail then leaves is `delivery`'s; what the pages show is `admin`'s.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from django.db import IntegrityError, transaction
from django.urls import NoReverseMatch, reverse
from django.utils.text import slugify

from smtpadmin import keys
from smtpadmin.conf import conf
from smtpadmin.diagnosis import provider_of
from smtpadmin.exceptions import NoProfile
from smtpadmin.models import Profile, TestState
from smtpadmin.names import ascii_host
from smtpadmin.providers import UserNameForm
from smtpadmin.smtp import AddressPolicy, Deadlines, Secret, Security, ServerConfig, SignIn

# A secret is given to one server for one user. Whoever may edit these could otherwise have it sent to a server of
# their own (CVE-2024-5967 is that mistake), so changing one of them clears it.
SECRET_BOUND = ("host", "port", "security", "username")

# Who the server is known by, and who may listen. The secret's seal leaves these out, but weakening one hands the secret
# to whoever can stand in the server's way, so it is typed again for that.
TRUST_BOUND = ("skip_verify", "skip_verify_until", "ca_pem", "pinned_sha256", "allow_plaintext_auth")

# A change of one of these makes the last test's verdict say nothing of the profile as it is now.
TESTED = (
    *SECRET_BOUND, "sealed_password", "sign_in", "from_address", "ehlo_name", "skip_verify", "skip_verify_until",
    "ca_pem", "pinned_sha256", "allow_plaintext_auth",
)  # fmt: skip


def server_config(profile: Profile, *, password: Secret, deadlines: Deadlines | None = None) -> ServerConfig:
    """Describe the profile's server as the SMTP core wants it. `deadlines` defaults to the profile's own."""
    return ServerConfig(
        host=ascii_host(profile.host),
        port=profile.port,
        security=Security(profile.security),
        username=_user_name(profile, password),
        password=password,
        sign_in=SignIn(profile.sign_in),
        ehlo_name=_ehlo_name(profile.ehlo_name),
        verify=profile.verifies_certificate,
        ca_pem=profile.ca_pem,
        pinned_sha256=profile.pinned_sha256,
        allow_plaintext_auth=profile.allow_plaintext_auth,
        pipelining=profile.pipelining,
        chunking=profile.chunking,
        address_policy=AddressPolicy(denied=conf.denied_networks),
        deadlines=deadlines or _deadlines(profile),
    )


def _user_name(profile: Profile, password: Secret) -> str:
    """Return the user name; where the provider wants the secret token as one, that: it is not stored in the clear."""
    provider = provider_of(profile.provider)
    if profile.username or provider is None or provider.username is not UserNameForm.SAME_AS_SECRET:
        return profile.username
    return password.reveal()


def _ehlo_name(name: str) -> str:
    # An address literal keeps its brackets (RFC 5321 section 4.1.3).
    return ascii_host(name) if name and not name.startswith("[") else name


def _deadlines(profile: Profile) -> Deadlines:
    connect, command = profile.connect_timeout, profile.command_timeout
    return Deadlines(
        connect=connect, tls=connect, greeting=command, ehlo=command, auth=command, mail=command, rcpt=command
    )


def password(profile: Profile) -> Secret:
    """Open the stored secret; empty when there is none. Raise KeyringLocked, or WrongContext for a moved token."""
    if not profile.sealed_password:
        return Secret("")
    ring = keys.keyring()
    return Secret(ring.open(profile.secret_context, profile.sealed_password).decode())


def set_password(profile: Profile, value: Secret) -> None:
    """Seal the secret for the profile's present server and user. The caller saves. Raise KeyringLocked."""
    profile.sealed_password = keys.keyring().seal(profile.secret_context, value.reveal().encode())


def clear_password(profile: Profile) -> None:
    """Forget the secret. The caller saves."""
    profile.sealed_password = ""


def keeps_secret(profile: Profile, security: str) -> bool:
    """Say whether the stored secret may be used at another port of the very same host, with this encryption.

    It was given to whoever proves, by certificate, to be that host. Where TLS is checked, whoever listens on another
    port has to prove the same, so an edit of the port alone hands it to nobody new. Without TLS, or unchecked, another
    port may be that of anyone with an account on that computer.
    """
    return not profile.sealed_password or (security != Security.NONE and not profile.skip_verify)


def use_other_way(profile: Profile, *, port: int, security: str) -> list[str]:
    """Reach the same host by another port or encryption, the secret sealed anew for it. Return the names of fields.

    The caller saves these. Raise ValueError for a way that does not keep the secret or is less protected than the
    present one, KeyringLocked, or WrongContext for a moved token.
    """
    if not keeps_secret(profile, security):
        raise ValueError("The secret was not given for this way.")
    if security == Security.NONE and profile.security != Security.NONE:
        raise ValueError("This way is less protected than the present one.")
    secret = password(profile)
    changed = [name for name, value in (("port", port), ("security", security)) if getattr(profile, name) != value]
    profile.port, profile.security = port, security
    if security != Security.NONE and profile.allow_plaintext_auth:
        # Nothing is left to allow, and the form would call the tick a mistake.
        profile.allow_plaintext_auth = False
        changed.append("allow_plaintext_auth")
    if profile.sealed_password:
        set_password(profile, secret)
        changed.append("sealed_password")
    state = profile.test_state
    note_changes(profile, changed)
    return [*changed, "test_state"] if profile.test_state != state else changed


def make_default(profile: Profile) -> None:
    """Make this the profile that mail uses when nothing else is said; a disabled one is enabled with it."""
    with transaction.atomic():
        # Two at once wait for each other here. SQLite needs no lock: its transactions are IMMEDIATE.
        list(Profile.objects.select_for_update().order_by("pk").values_list("pk"))
        # The old default goes first: a constraint allows one, and checks it row by row.
        Profile.objects.filter(is_default=True).exclude(pk=profile.pk).update(is_default=False)
        profile.is_default = profile.enabled = True
        profile.save(update_fields=["is_default", "enabled", "updated_at"])


def make_default_if_first(profile: Profile) -> None:
    """Make the profile the default when no other is, so that the first one works without another step."""
    if not profile.enabled or Profile.objects.filter(is_default=True).exists():
        return
    # Of two first profiles saved at once neither sees the other; the constraint then chooses.
    with suppress(IntegrityError), transaction.atomic():
        make_default(profile)
    profile.refresh_from_db(fields=["is_default"])


def set_enabled(profile: Profile, *, enabled: bool) -> None:
    """Let mail use the profile, or not. A default that is disabled is no longer the default."""
    profile.enabled = enabled
    profile.is_default = profile.is_default and enabled
    profile.save(update_fields=["enabled", "is_default", "updated_at"])


def duplicate(profile: Profile, *, name: str) -> Profile:
    """Save and return a disabled copy without the secret: it is bound to the profile it was given for."""
    copy = Profile.objects.get(pk=profile.pk)
    untouched = Profile()
    copy.pk = None
    copy._state.adding = True  # noqa: SLF001  Django's documented way of copying a row
    for field in ("uid", "sealed_password", "is_default", "test_state", "tested_at", "tested_by", "test_report",
                  "testing_until"):  # fmt: skip
        setattr(copy, field, getattr(untouched, field))
    copy.name, copy.slug, copy.enabled = name, free_slug(name), False
    copy.save()
    return copy


def free_slug(name: str) -> str:
    """Return a short name made from `name` that no profile has yet."""
    stem = slugify(name)[:50] or "profile"
    taken = set(Profile.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    candidates = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(slug for slug in candidates if slug not in taken)


def note_changes(profile: Profile, changed: Iterable[str]) -> None:
    """Draw the conclusions of edited fields: a test of other settings proves nothing about these. The caller saves."""
    if profile.test_state != TestState.UNTESTED and not set(TESTED).isdisjoint(changed):
        profile.test_state = TestState.CHANGED


class Reason(StrEnum):
    """Why a message uses the profile it uses."""

    NAMED = "named"
    FROM_ADDRESS = "from address"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Choice:
    """A profile, and why it was chosen."""

    profile: Profile
    reason: Reason


def choose(*, slug: str = "", from_address: str = "") -> Choice:
    """Return the profile for a message: the one named, else the one with this From, else the default.

    Raise NoProfile, which says where to mend it.
    """
    if slug:
        named = _first(_NAMED, slug)
        if named is None:
            raise _not_there(slug)
        return Choice(named, Reason.NAMED)
    found = _first(_OWN_FROM_OR_DEFAULT, from_address, from_address)
    if found is None:
        raise NoProfile(
            f"There is no default SMTP profile to send this mail through. Open {_page()}, add or enable one and make "
            "it the default."
        )
    own = found.from_address.upper() == from_address.upper()
    return Choice(found, Reason.FROM_ADDRESS if own else Reason.DEFAULT)


# Each mail asks for its profile: putting Django's own queries together took twenty times as long as running this.
_TABLE = Profile._meta.db_table  # noqa: SLF001  Django's documented way to a table's name
_COLUMNS = ", ".join(str(field.column) for field in Profile._meta.concrete_fields if field.name != "test_report")  # noqa: SLF001
_NAMED = "slug = %s"
# The default comes first among profiles that share a From.
_OWN_FROM_OR_DEFAULT = """(is_default OR UPPER(from_address) = UPPER(%s))
    ORDER BY CASE WHEN UPPER(from_address) = UPPER(%s) THEN 0 ELSE 1 END, is_default DESC, id LIMIT 1"""


def _first(which: str, *params: str) -> Profile | None:
    """Return the first enabled profile of those that SQL selects."""
    text = f"SELECT {_COLUMNS} FROM {_TABLE} WHERE enabled AND {which}"  # noqa: S608  texts of ours
    return next(iter(Profile.objects.raw(text, params)), None)


def _not_there(slug: str) -> NoProfile:
    if Profile.objects.filter(slug=slug).exists():
        return NoProfile(f"The SMTP profile {slug!r} is disabled. Enable it on {_page()}.")
    known = ", ".join(Profile.objects.filter(enabled=True).values_list("slug", flat=True)) or "none"
    return NoProfile(f"There is no SMTP profile {slug!r}. Enabled profiles: {known}. Add one on {_page()}.")


def _page() -> str:
    """Return where profiles are kept, with its address where this project has one."""
    try:
        address = f" ({reverse('admin:smtpadmin_profile_changelist')})"
    except NoReverseMatch:
        address = ""
    return f"the admin's “SMTP profiles” page{address}"
