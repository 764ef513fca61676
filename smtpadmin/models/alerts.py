"""Alerts: who is told when something is wrong, and what was told.

A notice is one thing to tell one channel about one incident; that there is one of each at most keeps workers from
telling it twice. What is told, and how, is `smtpadmin.alerts`'.
"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from smtpadmin.fields import SealedField
from smtpadmin.models.health import Incident
from smtpadmin.models.outbox import new_uid
from smtpadmin.models.profile import Profile


class ChannelKind(models.TextChoices):
    """How a channel reaches people."""

    MAIL = "mail", pgettext_lazy("alert channel", "Email")
    WEBHOOK = "webhook", pgettext_lazy("alert channel", "Webhook")
    #: Any service that the Apprise library knows: chats, push services, SMS.
    SERVICE = "service", pgettext_lazy("alert channel", "Chat or push service")


class AlertLanguage(models.TextChoices):
    """The language of a channel's alerts; nobody's browser says it here."""

    ENGLISH = "en", "English"
    CHINESE = "zh-hans", "简体中文"


class AlertChannel(models.Model):
    """One way to tell people. Its address may hold secrets: it is sealed, and never shown again."""

    # The seal's context names this and not the primary key, which exists only after the first save.
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    name = models.CharField(pgettext_lazy("alert channel", "name"), max_length=100, unique=True)
    kind = models.CharField(
        pgettext_lazy("alert channel", "kind"), max_length=10, choices=ChannelKind.choices, editable=False
    )
    enabled = models.BooleanField(pgettext_lazy("alert channel", "enabled"), default=True)
    language = models.CharField(
        pgettext_lazy("alert channel", "language"),
        max_length=10,
        choices=AlertLanguage.choices,
        default=AlertLanguage.ENGLISH,
    )
    #: Values of `IncidentKind` that it tells of; none: all of them, those of later versions too.
    kinds = models.JSONField(_("tell about"), default=list, blank=True)

    # Email
    profile = models.ForeignKey(
        Profile, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("SMTP profile")
    )
    #: One per line.
    addresses = models.TextField(pgettext_lazy("alert channel", "recipients"), blank=True)

    # Webhook and service
    sealed_target = SealedField()
    #: What signs the calls of a webhook; may be absent.
    sealed_secret = SealedField()
    #: What of the address may be shown: a webhook's host, or the name of the service.
    hint = models.CharField(max_length=253, blank=True, editable=False)
    ca_pem = models.TextField(
        _("CA certificate"),
        blank=True,
        help_text=_("In PEM form, for a server whose certificate your own CA has signed."),
    )

    # What became of the last alert or test. `last_detail` is scrubbed of secrets.
    last_at = models.DateTimeField(null=True, editable=False)
    last_ok = models.BooleanField(null=True, editable=False)
    last_reason = models.CharField(max_length=20, blank=True, default="", editable=False)
    last_detail = models.CharField(max_length=300, blank=True, default="", editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("alert channel")
        verbose_name_plural = _("alert channels")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ChannelKind.values), name="smtpadmin_channel_known_kind"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def target_context(self) -> str:
        """What the sealed address is bound to."""
        return f"alert.target|{self.uid}|{self.kind}"

    @property
    def secret_context(self) -> str:
        """What the sealed signing secret is bound to."""
        return f"alert.secret|{self.uid}|{self.kind}"

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses that mail goes to."""
        return tuple(line for line in self.addresses.splitlines() if line)


class AlertEvent(models.TextChoices):
    """What a notice tells of an incident."""

    OPENED = "opened", "opened"
    RESOLVED = "resolved", "resolved"


class NoticeState(models.TextChoices):
    """What became of a notice."""

    WAITING = "waiting", pgettext_lazy("alert", "Waiting")
    SENT = "sent", pgettext_lazy("alert", "Sent")
    #: The incident was over before it could be told, or this channel cannot tell of it.
    DROPPED = "dropped", pgettext_lazy("alert", "Not sent")
    FAILED = "failed", pgettext_lazy("alert", "Given up")


class AlertNotice(models.Model):
    """One thing to tell one channel about one incident."""

    #: The same with every try, so that a receiver may recognise a second one.
    uid = models.CharField(max_length=32, default=new_uid, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="notices")
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="notices")
    event = models.CharField(max_length=10, choices=AlertEvent.choices)
    state = models.CharField(max_length=10, choices=NoticeState.choices, default=NoticeState.WAITING)
    created_at = models.DateTimeField()
    #: When it is sent, or tried again. Whoever takes it moves this on beyond the longest time that sending takes.
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=20, blank=True, default="")
    detail = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["due_at"], condition=Q(state="waiting"), name="smtpadmin_notice_due")]
        constraints = [
            models.UniqueConstraint(fields=["incident", "channel", "event"], name="smtpadmin_notice_once"),
            models.CheckConstraint(condition=Q(state__in=NoticeState.values), name="smtpadmin_notice_known_state"),
        ]

    def __str__(self) -> str:
        return f"{self.event} of {self.incident_id} to {self.channel_id} ({self.state})"
