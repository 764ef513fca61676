"""The outbox: what was accepted for sending and what became of it, one table per concern.

Constraints hold what the code promises. Every change of a state is a statement of `smtpadmin.outbox`; nothing here
decides anything.
"""

import secrets
import time

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from smtpadmin.fields import SealedBytesField
from smtpadmin.models.profile import Profile


class State(models.TextChoices):
    """Where a message is."""

    QUEUED = "queued", pgettext_lazy("message", "Queued")
    #: A worker has claimed it; `phase` says whether any of it may have left.
    SENDING = "sending", pgettext_lazy("message", "Sending")
    SENT = "sent", pgettext_lazy("message", "Sent")
    #: Given up for at least one recipient; the others are served.
    FAILED = "failed", pgettext_lazy("message", "Failed")
    #: Handed over without an answer: it may have been delivered, and somebody decides whether it is sent again.
    UNCERTAIN = "uncertain", pgettext_lazy("message", "Uncertain")
    CANCELLED = "cancelled", pgettext_lazy("message", "Cancelled")
    EXPIRED = "expired", pgettext_lazy("message", "Expired")


#: Nothing more happens by itself.
FINAL = (State.SENT, State.FAILED, State.CANCELLED, State.EXPIRED)


class Phase(models.TextChoices):
    """How far the sending of a claimed message may have come."""

    NONE = "", "-"
    #: Claimed, and nothing of the message has left.
    OPEN = "open", "open"
    #: From here on it may have been delivered.
    DATA = "data", "data"


class Lane(models.IntegerChoices):
    """Who goes first. The numbers are the order."""

    URGENT = 0, pgettext_lazy("lane", "Urgent")
    NORMAL = 1, pgettext_lazy("lane", "Normal")
    BULK = 2, pgettext_lazy("lane", "Bulk")


class RecipientState(models.TextChoices):
    """What became of the message for one recipient."""

    PENDING = "pending", pgettext_lazy("recipient", "Waiting")
    SENT = "sent", pgettext_lazy("recipient", "Sent")
    FAILED = "failed", pgettext_lazy("recipient", "Failed")
    UNCERTAIN = "uncertain", pgettext_lazy("recipient", "Uncertain")


class AttemptOutcome(models.TextChoices):
    """How one attempt ended."""

    SENT = "sent", pgettext_lazy("attempt", "Sent")
    #: Some recipients were served, others not.
    PARTIAL = "partial", pgettext_lazy("attempt", "Partly sent")
    DEFERRED = "deferred", pgettext_lazy("attempt", "Deferred")
    REFUSED = "refused", pgettext_lazy("attempt", "Refused")
    UNCERTAIN = "uncertain", pgettext_lazy("attempt", "Uncertain")
    #: The worker died, or lost its lease.
    LOST = "lost", pgettext_lazy("attempt", "Interrupted")
    #: The result came after the lease had been given up: it is recorded and changes nothing.
    LATE = "late", pgettext_lazy("attempt", "Too late")


def new_uid() -> str:
    """Return a new identifier that sorts by time, so that a million of them go to one end of their index."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


class Message(models.Model):
    """One message on its way through one profile. Subject and headers are in the sealed body only."""

    # Indexed below and not by `unique`: for that Django adds a second index on PostgreSQL, for LIKE.
    uid = models.CharField(max_length=32, default=new_uid, editable=False)

    # The indexes below begin with the profile; the names stay when it is deleted.
    profile = models.ForeignKey(Profile, null=True, on_delete=models.SET_NULL, db_index=False, related_name="messages")
    profile_slug = models.CharField(max_length=60)
    profile_name = models.CharField(max_length=100)

    #: The profile it was accepted for, where another one has taken it over, and the class of failure that made it.
    origin_slug = models.CharField(max_length=60, blank=True, default="")
    moved_because = models.CharField(max_length=20, blank=True, default="")
    #: The From header that the app asked for; empty: it left that to the profile. A fallback applies its own policy.
    asked_from = models.CharField(max_length=998, blank=True, default="")
    #: Sent in the caller's time, without waiting here.
    direct = models.BooleanField(default=False)

    lane = models.PositiveSmallIntegerField(choices=Lane.choices, default=Lane.NORMAL)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    phase = models.CharField(max_length=4, choices=Phase.choices, default=Phase.NONE, blank=True)

    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    #: Raised by every claim and every release.
    fence = models.BigIntegerField(default=0)
    #: The claim that holds it: a token that no other claim has, so it says the same as worker and fence.
    lease = models.CharField(max_length=64, blank=True, default="")
    #: Seconds on the lease clock, which is not the wall clock; see `outbox.clock`.
    lease_until = models.FloatField(default=0)
    lease_boot = models.CharField(max_length=36, blank=True, default="")

    #: Those that count; an unreachable server or a refused sign-in does not use them up.
    attempts = models.PositiveIntegerField(default=0)
    #: How often a worker died over it before anything had left.
    crashes = models.PositiveSmallIntegerField(default=0)
    #: How often it may have been delivered without our knowing: the mark of a possible duplicate.
    uncertain = models.PositiveSmallIntegerField(default=0)
    #: Sent once more by itself when it is uncertain; else somebody is asked.
    resend_uncertain = models.BooleanField(default=False)

    sender = models.CharField(max_length=320, blank=True)
    message_id = models.CharField(max_length=998, blank=True)
    size = models.PositiveBigIntegerField()
    recipients_total = models.PositiveIntegerField()
    recipients_sent = models.PositiveIntegerField(default=0)
    recipients_failed = models.PositiveIntegerField(default=0)

    #: The last failure, for lists; each recipient and each attempt has its own.
    stage = models.CharField(max_length=8, blank=True, default="")
    cause = models.CharField(max_length=30, blank=True, default="")
    code = models.PositiveSmallIntegerField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = pgettext_lazy("mail", "message")
        verbose_name_plural = pgettext_lazy("mail", "messages")
        default_permissions = ("view",)
        permissions = [
            ("decide_message", pgettext_lazy("mail", "Can retry, cancel and resend messages")),
            ("read_message_body", pgettext_lazy("mail", "Can read the text of messages")),
        ]
        indexes = [
            # Claiming, per profile and lane; small for ever, because it holds only what waits.
            models.Index(
                fields=["profile", "lane", "due_at", "id"], condition=Q(state="queued"), name="smtpadmin_message_due"
            ),
            models.Index(
                fields=["profile", "lease_until"], condition=Q(state="sending"), name="smtpadmin_message_leases"
            ),
            # The state comes first because SQLite prefers an index with more columns that are asked for.
            models.Index(fields=["state", "expires_at"], condition=Q(state="queued"), name="smtpadmin_message_expiry"),
            # Lists, newest first: every page and filter is a walk along one of these.
            models.Index(F("created_at").desc(), F("id").desc(), name="smtpadmin_message_new"),
            models.Index("state", F("created_at").desc(), F("id").desc(), name="smtpadmin_message_state"),
            models.Index("profile", F("created_at").desc(), F("id").desc(), name="smtpadmin_message_profile"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["uid"], name="smtpadmin_message_uid"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="smtpadmin_message_known_state"),
            models.CheckConstraint(
                condition=Q(state="sending", phase__in=["open", "data"]) & ~Q(lease="")
                | ~Q(state="sending") & Q(phase="", lease=""),
                name="smtpadmin_message_lease_while_sending",
            ),
            models.CheckConstraint(
                condition=Q(state__in=FINAL, ended_at__isnull=False) | ~Q(state__in=FINAL),
                name="smtpadmin_message_final_has_end",
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(recipients_sent=F("recipients_total")),
                name="smtpadmin_message_sent_to_all",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.uid} ({self.state})"

    @property
    def body_context(self) -> str:
        """What the sealed body is bound to."""
        return body_context(self.uid)


def body_context(uid: str) -> str:
    """Return what the sealed body of the message with `uid` is bound to: it opens for no other message."""
    return f"message.body|{uid}"


class Body(models.Model):
    """The serialised message, sealed. A table of its own: leases never rewrite it, and deleting it is the wipe."""

    message = models.OneToOneField(Message, primary_key=True, on_delete=models.CASCADE, related_name="body")
    sealed = SealedBytesField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"body of {self.message_id}"


class Recipient(models.Model):
    """One recipient of the envelope, and the last answer for it."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="recipients")
    address = models.CharField(max_length=320)
    state = models.CharField(max_length=10, choices=RecipientState.choices, default=RecipientState.PENDING)
    stage = models.CharField(max_length=8, blank=True, default="")
    cause = models.CharField(max_length=30, blank=True, default="")
    code = models.PositiveSmallIntegerField(null=True)
    enhanced = models.CharField(max_length=12, blank=True, default="")
    reply = models.CharField(max_length=512, blank=True, default="")

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["address"], name="smtpadmin_recipient_address")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=RecipientState.values), name="smtpadmin_recipient_known_state")
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.state})"


class Attempt(models.Model):
    """One try, written once when it is over."""

    # Without a constraint in the database: PostgreSQL looks each message up again, which costs more than the row.
    # Nobody writes an attempt of a message that was not his, and whoever deletes a message deletes these.
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempt_rows", db_constraint=False)
    at = models.DateTimeField()
    fence = models.BigIntegerField()
    worker = models.CharField(max_length=64)
    profile_slug = models.CharField(max_length=60)
    outcome = models.CharField(max_length=10, choices=AttemptOutcome.choices)
    seconds = models.FloatField(default=0)
    stage = models.CharField(max_length=8, blank=True, default="")
    cause = models.CharField(max_length=30, blank=True, default="")
    code = models.PositiveSmallIntegerField(null=True)
    enhanced = models.CharField(max_length=12, blank=True, default="")
    reply = models.CharField(max_length=512, blank=True, default="")

    class Meta:
        ordering = ["id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.outcome} at {self.at:%Y-%m-%d %H:%M:%S}"


class PauseReason(models.TextChoices):
    """Why nothing is sent through a profile for now."""

    NONE = "", "-"
    CONNECT = "connect", _("The server is out of reach")
    AUTH = "auth", _("The sign-in is refused")
    TLS = "tls", _("There is no secure connection")
    QUOTA = "quota", _("The provider's limit is used up")


class Circuit(models.Model):
    """The breaker of one profile. Not on the profile's row: people edit that while workers write this."""

    profile = models.OneToOneField(Profile, primary_key=True, on_delete=models.CASCADE, related_name="circuit")
    reason = models.CharField(max_length=10, choices=PauseReason.choices, default=PauseReason.NONE, blank=True)
    #: When the next single message is tried; the one who takes that try moves it on.
    probe_at = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)
    #: Sessions that failed in a row.
    failures = models.PositiveIntegerField(default=0)
    #: The most messages in flight after a recovery, doubled by each good batch; 0: no such bound.
    ramp = models.PositiveIntegerField(default=0)
    #: `updated_at` of the profile when it was paused: an edit is a reason to try at once.
    profile_version = models.DateTimeField(null=True)
    stage = models.CharField(max_length=8, blank=True, default="")
    cause = models.CharField(max_length=30, blank=True, default="")
    code = models.PositiveSmallIntegerField(null=True)
    enhanced = models.CharField(max_length=12, blank=True, default="")
    reply = models.CharField(max_length=512, blank=True, default="")
    #: Nothing is sent before this instant, because the profile's rate is used up.
    limited_until = models.DateTimeField(null=True)
    #: The same for urgent mail, which a share of each rate is kept for.
    urgent_limited_until = models.DateTimeField(null=True)
    #: Written by every claim first, which makes the claims of one profile wait for each other.
    claims = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.profile_id}: {self.reason or 'closed'}"


class WorkerBeat(models.Model):
    """A worker process and when it was last alive."""

    name = models.CharField(max_length=64, unique=True)
    host = models.CharField(max_length=253)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
