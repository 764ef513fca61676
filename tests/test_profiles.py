"""What may be done with a profile, and which one a message uses."""

import pytest
from django.db import IntegrityError, transaction

from smtpadmin import profiles
from smtpadmin.crypto import WrongContext
from smtpadmin.exceptions import NoProfile
from smtpadmin.models import Profile, TestState
from smtpadmin.profiles import Choice, Reason
from smtpadmin.smtp import Secret, Security, SignIn
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db


def test_the_secret_is_sealed_in_the_database_and_opens_again() -> None:
    make_profile(password="s3cret-value")
    stored = Profile.objects.get()
    assert "s3cret-value" not in stored.sealed_password
    assert profiles.password(stored).reveal() == "s3cret-value"


def test_a_secret_in_clear_cannot_be_saved() -> None:
    profile = make_profile()
    profile.sealed_password = "s3cret-value"
    with pytest.raises(ValueError, match="sealed values only") as caught:
        profile.save()
    assert "s3cret-value" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("host", "evil.example"), ("port", 2525), ("security", "starttls"), ("username", "someone@else.example")],
)
def test_the_secret_does_not_open_for_another_server_or_user(field: str, value: object) -> None:
    profile = make_profile(password="s3cret-value")
    setattr(profile, field, value)
    with pytest.raises(WrongContext):
        profiles.password(profile)


WAYS = [
    ("tls", {}, 587, "starttls"),
    ("starttls", {}, 465, "tls"),
    ("starttls", {}, 2525, "starttls"),
    ("none", {}, 465, "tls"),
    ("none", {"allow_plaintext_auth": True}, 587, "starttls"),
    ("tls", {"pinned_sha256": "ab" * 32}, 587, "starttls"),
]


@pytest.mark.parametrize(("before", "more", "port", "security"), WAYS)
def test_the_secret_goes_along_to_another_port_of_the_host_where_the_certificate_is_checked(
    before: str, more: dict[str, object], port: int, security: str
) -> None:
    profile = make_profile(security=before, password="s3cret-value", test_state=TestState.FAILING, **more)
    changed = profiles.use_other_way(profile, port=port, security=security)
    profile.save(update_fields=changed)
    stored = Profile.objects.get()
    assert (stored.host, stored.port, stored.security) == ("smtp.example.com", port, security)
    assert (profiles.password(stored).reveal(), stored.test_state) == ("s3cret-value", TestState.CHANGED)
    assert stored.allow_plaintext_auth is False


@pytest.mark.parametrize(
    ("before", "more", "security"),
    [
        ("none", {}, "none"),
        ("tls", {}, "none"),
        ("tls", {"skip_verify": True, "skip_verify_reason": "x"}, "starttls"),
        ("none", {"skip_verify": True, "skip_verify_reason": "x"}, "tls"),
    ],
)
def test_the_secret_does_not_go_where_anybody_could_listen(before: str, more: dict[str, object], security: str) -> None:
    profile = make_profile(security=before, password="s3cret-value", **more)
    with pytest.raises(ValueError, match="not given for this way"):
        profiles.use_other_way(profile, port=2525, security=security)
    assert (profile.port, profile.security, profiles.password(profile).reveal()) == (465, before, "s3cret-value")


def test_a_way_with_less_protection_is_not_taken_even_without_a_secret() -> None:
    profile = make_profile()
    with pytest.raises(ValueError, match="less protected"):
        profiles.use_other_way(profile, port=25, security="none")
    assert profiles.use_other_way(profile, port=587, security="starttls") == ["port", "security"]
    assert profile.sealed_password == ""


def test_the_secret_does_not_open_in_another_profile() -> None:
    mine, other = make_profile(slug="mine", password="s3cret-value"), make_profile(slug="other")
    other.sealed_password = mine.sealed_password
    with pytest.raises(WrongContext):
        profiles.password(other)


def test_a_token_that_is_the_user_name_as_well_is_put_in_when_signing_in_and_not_stored() -> None:
    profile = make_profile(provider="postmark", username="", password="s3cret-token")
    assert profile.username == ""
    assert profiles.server_config(profile, password=profiles.password(profile)).username == "s3cret-token"


def test_the_server_is_described_as_the_profile_says() -> None:
    profile = make_profile(
        host="smtp.bücher.example", port=587, security="starttls", username="me", sign_in="login",
        pinned_sha256=":".join(["AB"] * 32), skip_verify=True, skip_verify_reason="lab", connect_timeout=7,
        command_timeout=9,
    )  # fmt: skip
    config = profiles.server_config(profile, password=Secret("x"))
    assert (config.host, config.port, config.security) == ("smtp.xn--bcher-kva.example", 587, Security.STARTTLS)
    assert (config.username, config.password, config.sign_in) == ("me", Secret("x"), SignIn.LOGIN)
    assert (config.verify, config.pinned_sha256, config.allow_plaintext_auth) == (False, "ab" * 32, False)
    assert (config.deadlines.connect, config.deadlines.mail) == (7, 9)


def test_an_address_literal_as_ehlo_name_keeps_its_brackets() -> None:
    config = profiles.server_config(make_profile(ehlo_name="[192.0.2.1]"), password=Secret("x"))
    assert config.ehlo_name == "[192.0.2.1]"


def test_a_token_that_is_user_name_and_secret_at_once_is_not_shown_in_the_description_of_the_server() -> None:
    profile = make_profile(provider="postmark", username="")
    config = profiles.server_config(profile, password=Secret("token-value"))
    assert config.username == "token-value"
    assert "token-value" not in repr(config)


def test_making_a_default_takes_it_from_the_other() -> None:
    old, new = make_profile(slug="old", is_default=True), make_profile(slug="new", enabled=False)
    profiles.make_default(new)
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.is_default, new.is_default, new.enabled) == (False, True, True)


def test_the_database_itself_allows_one_default() -> None:
    make_profile(slug="one", is_default=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_profile(slug="two", is_default=True)


def test_a_disabled_profile_is_no_default() -> None:
    profile = make_profile(is_default=True)
    profiles.set_enabled(profile, enabled=False)
    profile.refresh_from_db()
    assert (profile.enabled, profile.is_default) == (False, False)


def test_the_first_profile_becomes_the_default_and_the_second_does_not() -> None:
    first, second = make_profile(slug="first"), make_profile(slug="second")
    profiles.make_default_if_first(first)
    profiles.make_default_if_first(second)
    assert list(Profile.objects.filter(is_default=True).values_list("slug", flat=True)) == ["first"]


def test_a_copy_is_disabled_has_no_secret_and_an_own_short_name() -> None:
    original = make_profile(slug="alerts", password="s3cret-value", is_default=True, test_state=TestState.WORKING)
    copy = profiles.duplicate(original, name="Alerts!")
    copy.refresh_from_db()
    assert (copy.name, copy.slug, copy.enabled, copy.is_default) == ("Alerts!", "alerts-2", False, False)
    assert (copy.sealed_password, copy.test_state, copy.host) == ("", TestState.UNTESTED, original.host)
    assert copy.uid != original.uid


@pytest.mark.parametrize(("name", "slug"), [("Alerts", "alerts"), ("通知", "profile"), ("QQ 邮箱", "qq")])
def test_a_short_name_is_made_from_any_name(name: str, slug: str) -> None:
    assert profiles.free_slug(name) == slug


@pytest.mark.parametrize(
    ("changed", "state"),
    [(["host"], TestState.CHANGED), (["name", "batch"], TestState.WORKING), (["ca_pem"], TestState.CHANGED)],
)
def test_a_verdict_holds_for_the_settings_that_were_tested(changed: list[str], state: TestState) -> None:
    profile = make_profile(test_state=TestState.WORKING)
    profiles.note_changes(profile, changed)
    assert profile.test_state == state


def test_a_named_profile_is_used() -> None:
    named = make_profile(slug="alerts")
    make_profile(slug="main", is_default=True, from_address="a@example.com")
    assert profiles.choose(slug="alerts", from_address="a@example.com") == Choice(named, Reason.NAMED)


def test_else_the_one_with_this_from_in_any_case() -> None:
    make_profile(slug="main", is_default=True, from_address="main@example.com")
    match = make_profile(slug="alerts", from_address="Alerts@Example.com")
    assert profiles.choose(from_address="alerts@example.com") == Choice(match, Reason.FROM_ADDRESS)


def test_the_default_wins_among_profiles_with_the_same_from() -> None:
    make_profile(slug="backup", from_address="a@example.com")
    main = make_profile(slug="main", from_address="a@example.com", is_default=True)
    assert profiles.choose(from_address="a@example.com") == Choice(main, Reason.FROM_ADDRESS)


def test_else_the_default() -> None:
    default = make_profile(slug="main", is_default=True)
    assert profiles.choose(from_address="nobody@example.com") == Choice(default, Reason.DEFAULT)


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("", "There is no default SMTP profile"),
        ("alerst", "There is no SMTP profile 'alerst'. Enabled profiles: alerts."),
        ("off", "The SMTP profile 'off' is disabled."),
    ],
)
def test_without_a_profile_the_error_says_where_to_configure_one(slug: str, words: str) -> None:
    make_profile(slug="alerts")
    make_profile(slug="off", enabled=False)
    with pytest.raises(NoProfile) as caught:
        profiles.choose(slug=slug)
    assert str(caught.value).startswith(words)
    assert "/admin/smtpadmin/profile/" in str(caught.value)
