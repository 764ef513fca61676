"""A copy of a sent message whose text was kept."""

import pytest

from smtpadmin import keys, outbox
from smtpadmin.models import Body, Lane, Message, Profile, body_context
from tests.support.mail import put
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

CONTENT = (
    b"From: notify@example.com\r\nMessage-ID:\r\n <1.abc@example.com>\r\nSubject: Hello\r\n\r\n"
    b"Message-ID: <not@a.header>\r\n"
)


def sent(profile: Profile, **fields: object) -> Message:
    """Return a message that was sent and whose body was kept."""
    message = put(profile, "a@example.org", "b@example.org", content=CONTENT, **fields)
    Message.objects.filter(pk=message.pk).update(state="sent", ended_at=message.created_at, recipients_sent=2)
    return message


def text(message: Message) -> bytes:
    return keys.keyring().open_bytes(body_context(message.uid), Body.objects.get(message=message).sealed)


def test_a_copy_goes_to_the_same_recipients_as_a_message_of_its_own() -> None:
    profile = make_profile()
    original = sent(profile, lane=Lane.BULK, asked_from="Shop <shop@example.com>")

    queued = outbox.send_again(original.pk)

    assert queued is not None
    copy = Message.objects.get(pk=queued.id)
    assert copy.uid != original.uid
    assert (copy.state, copy.lane, copy.profile, copy.sender, copy.asked_from) == (
        "queued", Lane.BULK, profile, "notify@example.com", "Shop <shop@example.com>",
    )  # fmt: skip
    assert list(copy.recipients.values_list("address", "state")) == [
        ("a@example.org", "pending"),
        ("b@example.org", "pending"),
    ]
    assert Message.objects.get(pk=original.pk).state == "sent"


def test_a_copy_says_the_same_under_another_message_id() -> None:
    original = sent(make_profile())

    queued = outbox.send_again(original.pk)

    assert queued is not None
    copy = Message.objects.get(pk=queued.id)
    assert copy.message_id.endswith("@example.com>")
    assert copy.message_id != original.message_id
    header = b"Message-ID: " + copy.message_id.encode()
    assert text(copy) == CONTENT.replace(b"Message-ID:\r\n <1.abc@example.com>", header)


def test_a_text_without_a_message_id_is_copied_as_it_is() -> None:
    message = put(make_profile(), content=b"Subject: Hello\r\n\r\nText\r\n")
    Message.objects.filter(pk=message.pk).update(state="sent", ended_at=message.created_at, recipients_sent=1)

    queued = outbox.send_again(message.pk)

    assert queued is not None
    assert text(Message.objects.get(pk=queued.id)) == b"Subject: Hello\r\n\r\nText\r\n"


@pytest.mark.parametrize("obstacle", ["the text is gone", "the profile is gone", "it is not sent"])
def test_what_cannot_be_copied_is_left_alone(obstacle: str) -> None:
    profile = make_profile()
    message = sent(profile)
    if obstacle == "the text is gone":
        Body.objects.all().delete()
    elif obstacle == "the profile is gone":
        profile.delete()
    else:
        Message.objects.update(state="uncertain")

    assert outbox.send_again(message.pk) is None
    assert Message.objects.count() == 1
