"""What a provider does not take is refused before it is accepted, in words that say what to do."""

from email.message import EmailMessage as Mime

import msgspec
import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.utils import translation

from smtpadmin import provider_rules
from smtpadmin.compose import compose
from smtpadmin.diagnosis import catalogue
from smtpadmin.exceptions import MessageRefused
from smtpadmin.models import Profile
from smtpadmin.providers import Limits, Provider

MB = 1024 * 1024


def on(provider: str) -> Profile:
    return Profile(name="Main", slug="main", from_address="notify@example.com", provider=provider)


def message(**fields: object) -> EmailMultiAlternatives:
    return EmailMultiAlternatives(**{"subject": "Hello", "body": "Text\n", "to": ["you@example.org"]} | fields)


def attached(*sizes: int) -> EmailMultiAlternatives:
    made = message()
    for number, size in enumerate(sizes):
        made.attach(f"{number}.bin", b"x" * size, "application/octet-stream")
    return made


def refusal(made: EmailMessage, provider: str = "tencent-ses") -> str:
    with pytest.raises(MessageRefused) as caught:
        compose(made, on(provider))
    return str(caught.value)


NO_COPIES = (
    "Tencent Cloud SES refuses messages with %s recipients, and this one has some. Send each recipient a message of "
    "their own, or use a profile of another provider."
)
TOO_MANY = (
    "The message has 11 attachments; Tencent Cloud SES takes 10 at most. Put several into one archive, or link to them."
)
TOO_LARGE = (
    "The attachment “1.bin” has 4,194,305 bytes; Tencent Cloud SES takes 4,194,304 at most for each. Make it smaller, "
    "or link to it."
)
TOO_MUCH = (
    "The attachments have 8,388,609 bytes together; Tencent Cloud SES takes 8,388,608 at most. Attach less, or link to "
    "large files."
)
TOO_LONG = (
    "The text of the message has 1,048,577 bytes; Tencent Cloud SES takes 1,048,576 at most. Shorten it, and link to "
    "images instead of embedding them."
)
REFUSED = [
    (message(cc=["cc@example.org"]), NO_COPIES % "Cc"),
    (message(bcc=["bcc@example.org"]), NO_COPIES % "Bcc"),
    (message(headers={"Cc": "cc@example.org"}), NO_COPIES % "Cc"),
    (attached(*[10] * 11), TOO_MANY),
    (attached(10, 4 * MB + 1), TOO_LARGE),
    (attached(3 * MB, 3 * MB, 2 * MB + 1), TOO_MUCH),
    (message(body="x" * MB + "\n"), TOO_LONG),
]


@pytest.mark.parametrize(("made", "words"), REFUSED, ids=range(len(REFUSED)))
def test_each_rule_is_refused_with_the_limit_the_value_and_the_cure(made: EmailMessage, words: str) -> None:
    assert refusal(made) == words


@pytest.mark.parametrize(("made", "words"), REFUSED, ids=range(len(REFUSED)))
def test_each_rule_names_the_provider_in_the_reader_s_language(made: EmailMessage, words: str) -> None:
    with translation.override("zh-hans"):
        assert "腾讯云" in refusal(made)


@pytest.mark.parametrize(
    "made",
    [
        message(),
        attached(*[10] * 10),
        attached(4 * MB, 2 * MB),
        attached(*[MB] * 8),
        message(body="x" * (MB - 10)),
    ],
    ids=range(5),
)
def test_what_is_within_the_rules_goes(made: EmailMessage) -> None:
    compose(made, on("tencent-ses"))


def test_an_embedded_image_is_text_and_an_attached_message_is_one_attachment() -> None:
    made = Mime()
    made.set_content("Text")
    made.add_alternative("<p>Text</p>", subtype="html")
    for part in made.iter_parts():
        if part.get_content_type() == "text/html":
            part.add_related(b"x" * MB, maintype="image", subtype="png", disposition="inline", filename="logo.png")
    inner = Mime()
    inner.set_content("Inner")
    inner.add_attachment(b"x" * 10, maintype="application", subtype="octet-stream", filename="inner.bin")
    for _ in range(10):
        made.add_attachment(inner)
    with pytest.raises(MessageRefused, match="The text of the message has 1,048,5"):
        provider_rules.check(made, "tencent-ses")
    made.add_attachment("More", filename="more.txt")
    with pytest.raises(MessageRefused, match="The message has 11 attachments"):
        provider_rules.check(made, "tencent-ses")


def test_other_providers_and_none_take_what_they_take() -> None:
    made = attached(*[10] * 11)
    made.cc = ["cc@example.org"]
    for key in ("gmail", "", "of-another-catalogue"):
        compose(made, on(key))


@pytest.mark.parametrize("provider", [each for each in catalogue() if each.limits], ids=lambda each: each.key)
def test_no_record_refuses_a_plain_notification(provider: Provider) -> None:
    compose(message(), on(provider.key))


@pytest.mark.parametrize(
    ("limits", "is_refused"),
    [
        (Limits(), False),
        (Limits(attachments=1), False),
        (Limits(attachments=0), True),
        (Limits(attachment_bytes=9), True),
        (Limits(attachments_bytes=9), True),
        (Limits(body_bytes=4), True),
        (Limits(body_bytes=5, attachments_bytes=10), False),
        (Limits(refused_headers=("X-Shop",)), True),
    ],
    ids=str,
)
def test_an_operator_s_record_has_its_own_rules(
    monkeypatch: pytest.MonkeyPatch, limits: Limits, is_refused: bool
) -> None:
    gmail = catalogue().get("gmail")
    assert gmail is not None
    monkeypatch.setattr(provider_rules, "provider_of", lambda _key: msgspec.structs.replace(gmail, limits=limits))
    made = attached(10)
    made.extra_headers["X-Shop"] = "1"
    if is_refused:
        assert "Gmail" in refusal(made, "gmail")
    else:
        compose(made, on("gmail"))
