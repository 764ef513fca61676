"""The fallback of a profile: what may be chosen, and what is said of the choice."""

import pytest
from django.test import Client

from smtpadmin import profiles
from smtpadmin.models import FromPolicy, Profile
from tests.admin.forms import errors, page, text_of, values
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def other() -> Profile:
    return make_profile(slug="other", host="mail.other.example")


def chosen(client: Client, profile: Profile, fallback: object) -> dict[str, list[str]]:
    """Choose a fallback; return what is wrong with that."""
    response = client.post(page(profile), values(profile, fallback=str(fallback)))
    return errors(response) if response.status_code == 200 else {}


def doubts(client: Client, profile: Profile, **changes: object) -> list[tuple[str, str]]:
    """Return what the live check says without refusing it."""
    notes = client.post(page(profile, "check"), values(profile, **changes)).json()["notes"]
    return [(note["field"], note["text"]) for note in notes if not note["blocks"]]


def test_another_profile_may_take_over(admin: Client, profile: Profile, other: Profile) -> None:
    assert doubts(admin, profile, fallback=other.pk) == []
    assert chosen(admin, profile, other.pk) == {}
    profile.refresh_from_db()
    assert profile.fallback == other
    shown = admin.get(page(profile))
    assert next(part.summary for part in shown.context["sections"] if part.key == "fallback") == "Other"
    assert "Fallback profile: – → became Other" in text_of(admin.get(page(profile, "history")))


def test_a_profile_is_not_offered_itself_nor_disabled_ones(admin: Client, profile: Profile, other: Profile) -> None:
    disabled = make_profile(slug="disabled", enabled=False)
    offered = admin.get(page(profile)).context["form"].fields["fallback"].queryset
    assert list(offered) == [other]
    for wrong in (profile.pk, disabled.pk, 0, "x"):
        assert chosen(admin, profile, wrong) == {"fallback": ["Choose an enabled profile other than this one."]}


def test_one_that_was_disabled_since_stays_chosen(admin: Client, profile: Profile, other: Profile) -> None:
    chosen(admin, profile, other.pk)
    profiles.set_enabled(other, enabled=False)
    profile.refresh_from_db()
    assert chosen(admin, profile, other.pk) == {}


@pytest.mark.parametrize(
    ("own", "others", "words"),
    [
        ({}, {"security": "none", "port": 25}, "“Other” sends unencrypted, and this profile does not"),
        (
            {"skip_verify": True, "skip_verify_reason": "Own CA"},
            {"security": "none", "port": 25},
            "“Other” sends unencrypted, and this profile does not",
        ),
        (
            {},
            {"skip_verify": True, "skip_verify_reason": "Own CA"},
            "“Other” does not check its server's certificate, and this profile does",
        ),
    ],
)
def test_mail_is_never_handed_to_a_weaker_connection(
    admin: Client, own: dict[str, object], others: dict[str, object], words: str
) -> None:
    profile = make_profile(is_default=True, password="secret", **own)
    other = make_profile(slug="other", **others)
    found = chosen(admin, profile, other.pk)
    assert list(found) == ["fallback"]
    assert (
        found["fallback"][0] == f"{words}: no mail would be handed to it. Choose a profile that is as well protected."
    )


@pytest.mark.parametrize(
    ("own", "others"),
    [
        ({"security": "tls"}, {"security": "starttls", "port": 587}),
        ({"security": "starttls", "port": 587}, {"security": "tls"}),
        (
            {"skip_verify": True, "skip_verify_reason": "Own CA"},
            {"skip_verify": True, "skip_verify_reason": "Own CA"},
        ),
        ({"security": "none", "port": 25, "allow_plaintext_auth": True}, {}),
    ],
)
def test_one_that_is_as_well_protected_may_take_over(
    admin: Client, own: dict[str, object], others: dict[str, object]
) -> None:
    profile = make_profile(is_default=True, password="secret", **own)
    assert chosen(admin, profile, make_profile(slug="other", **others).pk) == {}


def test_weakening_the_one_that_takes_over_says_whom_it_fails(admin: Client, profile: Profile, other: Profile) -> None:
    Profile.objects.filter(pk=profile.pk).update(fallback=other)
    text = "“Main” falls back to this profile and is better protected: it keeps its mail, which waits."
    changes = {"skip_verify": "on", "skip_verify_reason": "Own CA"}
    assert doubts(admin, other, **changes) == [("skip_verify", text)]
    assert ("security", text) in doubts(admin, other, security="none", port="25", allow_plaintext_auth="on")


def test_a_chain_that_leads_back_is_said_to_be_of_no_use(admin: Client, profile: Profile, other: Profile) -> None:
    third = make_profile(slug="third", fallback=profile)
    Profile.objects.filter(pk=other.pk).update(fallback=third)
    text = (
        "“Other” falls back to this profile in turn. That does no harm and helps nobody: mail is not handed back to a "
        "server that it came from."
    )
    assert doubts(admin, profile, fallback=other.pk) == [("fallback", text)]
    assert chosen(admin, profile, other.pk) == {}


def test_one_that_refuses_this_from_gets_no_mail_with_it(admin: Client, profile: Profile, other: Profile) -> None:
    Profile.objects.filter(pk=other.pk).update(from_policy=FromPolicy.REFUSE, from_address="desk@other.example")
    text = (
        "“Other” refuses other From addresses than desk@other.example. Mail that an app sends from notify@example.com "
        "stays here and waits."
    )
    assert doubts(admin, profile, fallback=other.pk) == [("fallback", text)]
    Profile.objects.filter(pk=other.pk).update(from_address="Notify@example.com")
    assert doubts(admin, profile, fallback=other.pk) == []


def test_a_copy_has_the_limits_the_transfer_and_the_fallback_of_its_original(other: Profile) -> None:
    original = make_profile(
        fallback=other, rate_second=5, rate_day=100, max_recipients=10, pipelining=False, chunking=False
    )
    copy = profiles.duplicate(original, name="Copy")
    names = ("fallback", "rate_second", "rate_day", "max_recipients", "pipelining", "chunking")
    assert [getattr(copy, name) for name in names] == [other, 5, 100, 10, False, False]


def test_who_may_only_look_sees_them(viewer: Client, other: Profile) -> None:
    profile = make_profile(is_default=True, fallback=other, rate_second=5, rate_day=10_000, chunking=False)
    words = text_of(viewer.get(page(profile)))
    for fact in ("Most per second 5", "Most per day 10,000", "Use PIPELINING yes", "Use CHUNKING no",
                 "Fallback profile Other"):  # fmt: skip
        assert fact in words


def test_deleting_a_fallback_says_whose_it_is(admin: Client, profile: Profile, other: Profile) -> None:
    Profile.objects.filter(pk=profile.pk).update(fallback=other)
    assert "It is the fallback of “Main”. Without it, mail waits whenever “Main” cannot send." in text_of(
        admin.get(page(other, "delete"))
    )
    admin.post(page(other, "delete"), {"post": "yes"})
    profile.refresh_from_db()
    assert profile.fallback is None
