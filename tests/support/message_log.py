"""A message log with something of everything, for pages to be looked at: each state, lanes, a move, long stories."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from smtpadmin.models import Attempt, Body, Circuit, Lane, Message, Profile, Recipient, WorkerBeat
from tests.support.mail import put
from tests.support.profiles import make_profile

UNKNOWN = {
    "stage": "rcpt", "cause": "recipient_refused", "code": 550, "enhanced": "5.1.1",
    "reply": "5.1.1 <no.such.person@example.net>: Recipient address rejected: User unknown in local recipient table",
}  # fmt: skip
GREYLISTED = {
    "stage": "rcpt", "cause": "recipient_deferred", "code": 451, "enhanced": "4.7.1",
    "reply": "4.7.1 Greylisting in action, please come back in 300 seconds",
}  # fmt: skip
SPAM = {
    "stage": "data", "cause": "content_refused", "code": 554, "enhanced": "",
    "reply": "DT:SPM 163 smtp9,DcCowADXZ8rS+Fpk,1767225600 http://mail.163.com/help/help_spam_16.htm?ip=203.0.113.25",
}  # fmt: skip
NO_CONNECTION = {
    "stage": "tcp", "cause": "connect_timeout", "code": None, "enhanced": "",
    "reply": "No connection to smtp.office365.com:587 within 30 seconds.",
}  # fmt: skip
REFUSED_SIGN_IN = {
    "stage": "auth", "cause": "auth_refused", "code": 535, "enhanced": "5.7.139",
    "reply": "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
}  # fmt: skip
NO_ANSWER = {
    "stage": "data", "cause": "uncertain", "code": None, "enhanced": "",
    "reply": "The server closed the connection after the whole message had been sent.",
}  # fmt: skip
ACCEPTED = {"code": 250, "reply": "2.0.0 OK: queued as 4Xk2Pz1v9Yz2xQ"}

TEXT = (
    b"From: Notify <notify@example.com>\r\nTo: alice@example.org\r\nSubject: =?utf-8?b?6K6i5Y2V5bey5Y+R6LSn?=\r\n"
    b"Message-ID: <order-4711@example.com>\r\nDate: Sat, 21 Nov 2026 14:05:09 +0000\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b'--b\r\nContent-Type: multipart/alternative; boundary="a"\r\n\r\n'
    b"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"Your order 4711 has been sent.\r\n\r\nFollow it at https://shop.example.com/orders/4711\r\n"
    b"--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b'<html><head><style>p{color:red}</style><script>document.title="run"</script></head><body style="margin:0">'
    b'<h1>Your order 4711 has been sent</h1><p onclick="x()">Follow it <a href="https://shop.example.com/orders/4711">'
    b'here</a>.</p><img src="https://tracker.example.com/open.gif" alt="Logo"><table><tr><td>Tea</td><td>2</td></tr>'
    b"</table></body></html>\r\n"
    b"--a--\r\n"
    b'--b\r\nContent-Type: application/pdf; name="invoice.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
    b'Content-Disposition: attachment; filename="invoice.pdf"\r\n\r\nJVBERi0xLjcK\r\n'
    b"--b--\r\n"
)  # fmt: skip


def attempt(
    message: Message, at: datetime, outcome: str, *, slug: str = "", seconds: float = 0.4, **answer: Any
) -> None:
    """Write an attempt into the story of a message."""
    Attempt.objects.create(
        message=message, at=at, fence=1, worker="web-1-77.ab12", profile_slug=slug or message.profile_slug,
        outcome=outcome, seconds=seconds, **answer,
    )  # fmt: skip


def story(
    profile: Profile,
    *recipients: str,
    state: str,
    age: timedelta,
    steps: tuple[tuple[timedelta, str, dict[str, Any]], ...] = (),
    keeps_text: bool = True,
    answers: dict[str, tuple[str, dict[str, Any]]] | None = None,
    lane: Lane = Lane.NORMAL,
    content: bytes = TEXT,
    **fields: Any,
) -> Message:
    """Store a message with its attempts: `steps` are (after, outcome, answer); `answers` differ by recipient."""
    now = timezone.now()
    message = put(profile, *recipients, lane=lane, content=content)
    created = now - age
    last = {name: value for name, value in steps[-1][2].items() if name not in ("slug", "seconds")} if steps else {}
    failure = {name: last.get(name, default) for name, default in (("stage", ""), ("cause", ""), ("code", None))}
    for after, outcome, answer in steps:
        attempt(message, created + after, outcome, **answer)
    fate = {"sent": "sent", "failed": "failed", "uncertain": "uncertain"}.get(state, "pending")
    for row in Recipient.objects.filter(message=message):
        its_state, its_answer = (answers or {}).get(row.address, (fate, {} if fate == "sent" else last))
        Recipient.objects.filter(pk=row.pk).update(state=its_state, **its_answer)
    counts = list(Recipient.objects.filter(message=message).values_list("state", flat=True))
    ended = None if state in ("queued", "sending") else created + (steps[-1][0] if steps else timedelta(minutes=1))
    values: dict[str, Any] = {
        "state": state, "created_at": created, "due_at": created, "expires_at": created + timedelta(days=4),
        "ended_at": ended, "attempts": len(steps), "recipients_sent": counts.count("sent"),
        "recipients_failed": counts.count("failed"), **(failure if failure["cause"] else {}),
    }  # fmt: skip
    if state == "sending":
        values |= {"phase": "data", "lease": "web-1-77.ab12"}
    if not keeps_text:
        Body.objects.filter(message=message).delete()
    Message.objects.filter(pk=message.pk).update(**values | fields)
    message.refresh_from_db()
    return message


def fill_log() -> dict[str, Message]:
    """Store profiles and messages in every state; return the messages by what they show."""
    now = timezone.now()
    shop = make_profile(
        slug="qq-mail-notify", name="QQ Mail – notify", provider="qq", host="smtp.qq.com", username="notify@qq.com",
        from_address="notify@qq.com", is_default=True, test_state="working", tested_at=now - timedelta(minutes=12),
    )  # fmt: skip
    receipts = make_profile(
        slug="receipts", name="Microsoft 365 – receipts", provider="microsoft365", host="smtp.office365.com", port=587,
        security="starttls", test_state="working", tested_at=now - timedelta(days=3), fallback=shop,
    )  # fmt: skip
    netease = make_profile(slug="netease", name="NetEase backup", provider="netease-163", host="smtp.163.com")
    minute, hour, second = timedelta(minutes=1), timedelta(hours=1), timedelta(seconds=1)
    for number in range(40):
        story(
            (shop, receipts, netease)[number % 3], f"user{number * 7919 % 1000}@{('gmail.com', 'qq.com')[number % 2]}",
            state="sent", age=35 * minute * (number + 1), steps=((second, "sent", ACCEPTED),), keeps_text=False,
            lane=Lane(1 + number % 2),
        )  # fmt: skip
    people = [f"member{number}@example.org" for number in range(60)]
    return {
        "waiting": story(shop, "alice@example.org", state="queued", age=2 * second),
        "delayed": story(
            shop, "bob@greylisted.example", state="queued", age=26 * minute,
            steps=((second, "deferred", GREYLISTED), (6 * minute, "deferred", GREYLISTED)),
            due_at=now + 4 * minute,
        ),
        "sending": story(receipts, "carol@example.org", state="sending", age=3 * second, lane=Lane.URGENT),
        "sent": story(
            shop, "dave@example.org", state="sent", age=4 * minute, keeps_text=True,
            steps=((second, "deferred", GREYLISTED), (2 * minute, "sent", ACCEPTED)),
        ),
        "moved": story(
            shop, "erin@example.org", state="sent", age=9 * minute, keeps_text=False, origin_slug="receipts",
            moved_because="connect",
            steps=((30 * second, "deferred", NO_CONNECTION | {"slug": "receipts", "seconds": 30.0}),
                   (31 * second, "sent", ACCEPTED)),
        ),
        "failed": story(
            netease, "frank@example.com", state="failed", age=12 * minute, steps=((second, "refused", SPAM),),
        ),
        "partly": story(
            shop, "grace@example.org", "no.such.person@example.net", "heidi@example.org", state="failed",
            age=14 * minute, steps=((second, "partial", UNKNOWN),),
            answers={"grace@example.org": ("sent", {}), "heidi@example.org": ("sent", {})},
        ),
        "uncertain": story(
            receipts, "ivan@example.org", state="uncertain", age=50 * minute, uncertain=1,
            steps=((61 * second, "uncertain", NO_ANSWER | {"seconds": 61.0}),),
        ),
        "cancelled": story(shop, "judy@example.org", state="cancelled", age=2 * hour, keeps_text=False),
        "expired": story(
            receipts, "mallory@example.org", state="expired", age=3 * hour, lane=Lane.URGENT, keeps_text=False,
            steps=((30 * minute, "deferred", REFUSED_SIGN_IN), (59 * minute, "deferred", REFUSED_SIGN_IN)),
            cause="expired", stage="", code=None,
        ),
        "interrupted": story(
            shop, "niaj@example.org", state="queued", age=5 * minute,
            steps=((3 * minute, "lost", {"cause": "worker_lost", "seconds": 0}),), cause="",
        ),
        "many": story(
            netease, *people, state="sent", age=5 * hour, steps=((second, "sent", ACCEPTED),), lane=Lane.BULK
        ),
    }  # fmt: skip


def all_is_well() -> None:
    """Let a worker be alive."""
    now = timezone.now()
    WorkerBeat.objects.create(
        name="web-1-77", host="web-1.example.com", pid=77, started_at=now - timedelta(hours=26), beat_at=now
    )


def trouble() -> None:
    """Let the only worker be silent for a while, and a profile be paused."""
    now = timezone.now()
    beat = {"host": "web-1.example.com", "pid": 77, "started_at": now - timedelta(hours=26)}
    WorkerBeat.objects.update_or_create(name="web-1-77", defaults=beat | {"beat_at": now - timedelta(minutes=7)})
    profile = Profile.objects.get(slug="receipts")
    Circuit.objects.update_or_create(
        profile=profile,
        defaults={
            "reason": "auth", "since": now - timedelta(minutes=40), "probe_at": now + timedelta(minutes=5),
            "failures": 3, "profile_version": profile.updated_at, **REFUSED_SIGN_IN,
        },
    )  # fmt: skip
