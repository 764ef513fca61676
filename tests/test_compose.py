"""From Django's message to what goes on the wire."""

import email
from email.message import EmailMessage as Parsed
from email.policy import default
from typing import cast

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives

from smtpadmin.compose import compose, split, wants_from
from smtpadmin.exceptions import MessageRefused
from smtpadmin.models import FromPolicy, Profile
from smtpadmin.smtp import Envelope


@pytest.fixture
def profile() -> Profile:
    return Profile(name="Main", slug="main", from_address="notify@example.com", from_name="Notifications, Inc.")


def parsed(envelope: Envelope) -> Parsed:
    return cast("Parsed", email.message_from_bytes(envelope.content, policy=default))


def message(**fields: object) -> EmailMessage:
    return EmailMessage(**{"subject": "Hello", "body": "Text", "to": ["you@example.org"]} | fields)


def test_without_a_from_the_profiles_is_used(profile: Profile) -> None:
    envelope = compose(message(), profile)
    assert envelope.sender == "notify@example.com"
    assert parsed(envelope)["From"] == '"Notifications, Inc." <notify@example.com>'
    assert wants_from(message()) == ""


def test_the_apps_from_is_kept_where_the_profile_keeps_it(profile: Profile) -> None:
    envelope = compose(message(from_email="Shop <shop@example.com>"), profile)
    assert (envelope.sender, parsed(envelope)["From"]) == ("shop@example.com", "Shop <shop@example.com>")
    assert parsed(envelope)["Reply-To"] is None


def test_a_replaced_from_keeps_its_name_and_stays_reachable(profile: Profile) -> None:
    profile.from_policy = FromPolicy.REPLACE
    headers = parsed(envelope := compose(message(from_email="Shop <shop@example.org>"), profile))
    assert envelope.sender == "notify@example.com"
    assert (headers["From"], headers["Reply-To"]) == ("Shop <notify@example.com>", "Shop <shop@example.org>")


def test_a_replaced_from_does_not_take_the_place_of_a_reply_to(profile: Profile) -> None:
    profile.from_policy = FromPolicy.REPLACE
    headers = parsed(compose(message(from_email="shop@example.org", reply_to=["help@example.org"]), profile))
    assert headers["Reply-To"] == "help@example.org"


def test_another_from_is_refused_where_the_profile_refuses_it(profile: Profile) -> None:
    profile.from_policy = FromPolicy.REFUSE
    with pytest.raises(MessageRefused, match=r"sends only from notify@example\.com, and the message is from shop@"):
        compose(message(from_email="shop@example.org"), profile)


@pytest.mark.parametrize("policy", FromPolicy.values)
def test_the_profiles_own_address_is_no_other_from_whatever_its_case(profile: Profile, policy: str) -> None:
    profile.from_policy = policy
    headers = parsed(compose(message(from_email="Shop <Notify@Example.com>"), profile))
    assert (headers["From"], headers["Reply-To"]) == ("Shop <Notify@Example.com>", None)


def test_a_from_header_of_its_own_differs_from_the_envelope_sender(profile: Profile) -> None:
    envelope = compose(message(from_email="bounce@example.com", headers={"From": "Shop <shop@example.com>"}), profile)
    assert (envelope.sender, parsed(envelope)["From"]) == ("bounce@example.com", "Shop <shop@example.com>")


def test_the_profiles_reply_to_is_used_unless_the_app_says_otherwise(profile: Profile) -> None:
    profile.reply_to = "help@example.com"
    assert parsed(compose(message(), profile))["Reply-To"] == "help@example.com"
    assert parsed(compose(message(reply_to=["me@example.org"]), profile))["Reply-To"] == "me@example.org"


def test_bcc_is_in_the_envelope_and_never_in_the_headers(profile: Profile) -> None:
    envelope = compose(message(cc=["cc@example.org"], bcc=["hidden@example.org"]), profile)
    assert envelope.recipients == ("you@example.org", "cc@example.org", "hidden@example.org")
    assert b"hidden@example.org" not in envelope.content


def test_who_is_named_twice_gets_one_copy(profile: Profile) -> None:
    envelope = compose(message(to=["You <you@example.org>"], bcc=["you@example.org"]), profile)
    assert envelope.recipients == ("you@example.org",)


def test_international_domains_are_sent_in_the_form_that_dns_knows(profile: Profile) -> None:
    envelope = compose(message(to=["Jö <you@bücher.example>"]), profile)
    assert envelope.recipients == ("you@xn--bcher-kva.example",)
    assert parsed(envelope)["To"].addresses[0].domain == "xn--bcher-kva.example"


def test_the_message_id_names_the_senders_domain_and_not_this_computer(profile: Profile) -> None:
    assert parsed(compose(message(), profile))["Message-ID"].endswith("@example.com>")


def test_a_message_id_of_the_app_stays(profile: Profile) -> None:
    headers = parsed(compose(message(headers={"Message-Id": "<1@example.net>"}), profile))
    assert headers.get_all("Message-ID") == ["<1@example.net>"]


def test_the_apps_message_is_not_changed(profile: Profile) -> None:
    profile.from_policy, profile.reply_to = FromPolicy.REPLACE, "help@example.com"
    original = message(from_email="shop@example.org", headers={"X-Shop": "1"})
    compose(original, profile)
    assert (original.from_email, original.reply_to, original.extra_headers) == (
        "shop@example.org", [], {"X-Shop": "1"},
    )  # fmt: skip


def test_text_html_attachments_and_inline_parts_arrive_as_they_were_given(profile: Profile) -> None:
    mail = EmailMultiAlternatives("Grüße", "Text äöü 中文", None, ["you@example.org"])
    mail.attach_alternative("<p>中文</p>", "text/html")
    mail.attach("data.bin", bytes(range(256)), "application/octet-stream")
    headers = parsed(envelope := compose(mail, profile))
    assert headers["Subject"] == "Grüße"
    assert headers.get_body(("plain",)).get_content().strip() == "Text äöü 中文"
    assert headers.get_body(("html",)).get_content().strip() == "<p>中文</p>"
    assert [part.get_content() for part in headers.iter_attachments()] == [bytes(range(256))]
    assert envelope.content.isascii()
    assert b"\n" not in envelope.content.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Hello\nBcc: victim@example.org"},
        {"from_email": "Shop\r\nBcc: victim@example.org <shop@example.com>"},
        {"to": ["you@example.org\nBcc: victim@example.org"]},
        {"headers": {"X-Shop": "1\r\nBcc: victim@example.org"}},
        {"to": ["nobody"]},
        {"to": ['"foo@evil.example> ORCPT=x"@example.org']},
        {"to": ["a\0b@example.org"]},
    ],
    ids=str,
)
def test_what_may_not_go_on_the_wire_is_refused_here(profile: Profile, fields: dict[str, object]) -> None:
    with pytest.raises(MessageRefused):
        compose(message(**fields), profile)


def test_a_message_over_the_profiles_limit_is_refused_with_both_figures(profile: Profile) -> None:
    profile.max_message_bytes = 500
    words = (
        r"The message has 1,\d{3} bytes; the profile “Main” takes 500 at most\. Attach less, or link to large files\."
    )
    with pytest.raises(MessageRefused, match=words):
        compose(message(body="x" * 1000), profile)


PEOPLE = ("a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org")


@pytest.mark.parametrize(
    ("most", "groups"),
    [
        (None, [PEOPLE]),
        (5, [PEOPLE]),
        (6, [PEOPLE]),
        (2, [PEOPLE[:2], PEOPLE[2:4], PEOPLE[4:]]),
        (1, [(each,) for each in PEOPLE]),
    ],
)
def test_an_envelope_is_split_into_as_few_as_take_everybody_once(
    most: int | None, groups: list[tuple[str, ...]]
) -> None:
    whole = Envelope("notify@example.com", PEOPLE, b"Subject: Hello\r\n\r\nText\r\n")
    parts = split(whole, most)
    assert parts == tuple(Envelope(whole.sender, group, whole.content) for group in groups)
    # The same bytes, not copies of them: a large message to thousands is in memory once.
    assert all(part.content is whole.content for part in parts)


def test_more_people_than_the_profile_takes_at_once_are_no_reason_to_refuse(profile: Profile) -> None:
    profile.max_recipients = 2
    envelope = compose(message(to=["a@example.org", "b@example.org"], bcc=["c@example.org"]), profile)
    assert [part.recipients for part in split(envelope, profile.max_recipients)] == [
        ("a@example.org", "b@example.org"),
        ("c@example.org",),
    ]


def test_each_multipart_has_a_boundary_of_its_own_that_nobody_can_guess(profile: Profile) -> None:
    mail = EmailMultiAlternatives("Hi", "Hello.", "a@example.com", ["you@example.org"])
    mail.attach_alternative("<p>Hello.</p>", "text/html")
    mail.attach("notes.txt", "Notes.", "text/plain")
    found: list[str] = []
    for _ in range(2):
        received = parsed(compose(mail, profile))
        parts = [part for part in received.walk() if part.is_multipart()]
        assert [part.get_content_type() for part in parts] == ["multipart/mixed", "multipart/alternative"]
        found += [str(part.get_boundary()) for part in parts]
        assert [part.get_content().strip() for part in received.walk() if not part.is_multipart()] == [
            "Hello.",
            "<p>Hello.</p>",
            "Notes.",
        ]
    assert len(set(found)) == 4
    assert min(map(len, found)) >= 32
