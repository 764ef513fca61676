"""Standing health: what looks at each profile's server have found, and what is wrong at present.

Rows are written by `smtpadmin.health` (looks) and `smtpadmin.incidents` (incidents); nothing here decides anything.
"""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from smtpadmin.models.profile import Profile


class LookSource(models.TextChoices):
    """How it became known."""

    #: A worker has connected and signed in, and sent nothing.
    SIGN_IN = "sign-in", pgettext_lazy("check", "Sign-in")
    #: Real mail had been sent lately, which proves more.
    MAIL = "mail", pgettext_lazy("check", "Mail was sent")


class Look(models.Model):
    """What one look at a profile's server has found. The texts are scrubbed of secrets."""

    # The index below begins with the profile.
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, db_index=False, related_name="looks")
    at = models.DateTimeField()
    source = models.CharField(max_length=10, choices=LookSource.choices, default=LookSource.SIGN_IN)
    ok = models.BooleanField()
    seconds = models.FloatField(default=0)
    #: The failure, in the columns that recipients, attempts and paused profiles have too.
    stage = models.CharField(max_length=8, blank=True, default="")
    cause = models.CharField(max_length=30, blank=True, default="")
    code = models.PositiveSmallIntegerField(null=True)
    enhanced = models.CharField(max_length=12, blank=True, default="")
    reply = models.CharField(max_length=512, blank=True, default="")
    #: The server's certificate, where it showed one: a refused one too.
    certificate_from = models.DateTimeField(null=True)
    certificate_until = models.DateTimeField(null=True)
    certificate_sha256 = models.CharField(max_length=64, blank=True, default="")
    certificate_issuer = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        default_permissions = ()
        indexes = [models.Index("profile", F("at").desc(), name="smtpadmin_look_profile")]

    def __str__(self) -> str:
        return f"{self.profile_id}: {'ok' if self.ok else self.cause} at {self.at:%Y-%m-%d %H:%M:%S}"


class HealthState(models.Model):
    """When a profile's server is looked at next, and what was found last."""

    profile = models.OneToOneField(Profile, primary_key=True, on_delete=models.CASCADE, related_name="health_state")
    due_at = models.DateTimeField()
    #: The look under way: a token that no other look has; whoever takes it moves `due_at` beyond its longest time.
    lease = models.CharField(max_length=64, blank=True, default="")
    #: `updated_at` of the profile at the last look: an edit is a reason to look again.
    profile_version = models.DateTimeField(null=True)
    #: Looks that failed in a row, and since when.
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    last = models.ForeignKey(Look, null=True, on_delete=models.SET_NULL, related_name="+")
    #: The last one that saw a certificate.
    certificate = models.ForeignKey(Look, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.profile_id}: {self.failures} failures"


class IncidentKind(models.TextChoices):
    """What may be wrong."""

    #: The last look failed, and no mail has been sent since.
    PROFILE_FAILING = "profile_failing", _("A profile cannot sign in")
    #: Real mail met something that stops the whole profile.
    PROFILE_PAUSED = "profile_paused", _("A profile is paused")
    CERTIFICATE_EXPIRES = "certificate_expires", _("A certificate expires soon")
    QUEUE_OLD = "queue_old", _("Mail waits for too long")


class Incident(models.Model):
    """Something that is, or was, wrong: opened once, and closed when it is over."""

    kind = models.CharField(max_length=20, choices=IncidentKind.choices)
    #: What it is about, together with the kind; at most one incident of both is open.
    key = models.CharField(max_length=100)
    #: The profile that it is about; None: it is about more than one, or was about one that is deleted.
    profile = models.ForeignKey(Profile, null=True, on_delete=models.SET_NULL, related_name="incidents")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    #: What was known when it was opened, as plain values without secrets; see `incidents`.
    details = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(closed_at__isnull=True), name="smtpadmin_incident_open_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=IncidentKind.values), name="smtpadmin_incident_known_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} ({'open' if self.closed_at is None else 'closed'})"
