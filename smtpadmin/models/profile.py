"""The SMTP profile: one mail account or relay, and how mail leaves through it."""

import uuid
from datetime import date, timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from smtpadmin.fields import SealedField
from smtpadmin.names import Sender, validate_address, validate_host, validate_selector

#: For how long a certificate may go unchecked, at most and where nobody says otherwise.
MOST_UNCHECKED = timedelta(days=90)
USUAL_UNCHECKED = timedelta(days=7)


def today() -> date:
    """Return the installation's date, whichever time zone a request has chosen: web and worker have to agree on it."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


class Security(models.TextChoices):
    """How the connection is encrypted. The values are those of `smtp.Security`."""

    IMPLICIT_TLS = "tls", _("SSL/TLS from the start (implicit TLS)")
    STARTTLS = "starttls", _("STARTTLS")
    NONE = "none", _("None (not encrypted)")


class SignIn(models.TextChoices):
    """How the user name and the secret are sent. The values are those of `smtp.SignIn`."""

    AUTO = "auto", _("Automatic")
    PLAIN = "plain", "PLAIN"
    LOGIN = "login", "LOGIN"
    NONE = "none", _("No sign-in")


class FromPolicy(models.TextChoices):
    """What happens when an app's From is not the profile's."""

    KEEP = "keep", _("Keep the app's From")
    REPLACE = "replace", _("Replace it, and keep the original in Reply-To")
    REFUSE = "refuse", _("Refuse the message")


class TestState(models.TextChoices):
    """What the last test said of the settings as they are now."""

    __test__ = False  # pytest would collect the name

    UNTESTED = "untested", _("Not tested")
    WORKING = "working", _("Working")
    FAILING = "failing", _("Failing")
    CHANGED = "changed", _("Changed since the test")


class Profile(models.Model):
    """One way out for mail. The secret is sealed and bound to host, port, security and user name; see `profiles`."""

    # The secret's context names this and not the primary key, which exists only after the first save.
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    name = models.CharField(pgettext_lazy("profile", "name"), max_length=100, unique=True)
    slug = models.SlugField(
        _("short name"),
        max_length=60,
        unique=True,
        help_text=_("What apps call this profile in their settings."),
    )
    provider = models.CharField(_("provider"), max_length=60, blank=True)

    host = models.CharField(_("server"), max_length=253, validators=[validate_host])
    port = models.PositiveIntegerField(
        _("port"), default=465, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    security = models.CharField(_("encryption"), max_length=10, choices=Security.choices, default=Security.IMPLICIT_TLS)

    username = models.CharField(_("user name"), max_length=254, blank=True)
    sealed_password = SealedField()
    sign_in = models.CharField(_("sign-in method"), max_length=10, choices=SignIn.choices, default=SignIn.AUTO)

    from_address = models.CharField(_("From address"), max_length=254, validators=[validate_address])
    from_name = models.CharField(_("From name"), max_length=200, blank=True)
    from_policy = models.CharField(
        _("other From addresses"), max_length=10, choices=FromPolicy.choices, default=FromPolicy.KEEP
    )
    reply_to = models.CharField(
        _("Reply-To"), max_length=254, blank=True, validators=[validate_address],
        help_text=_("Where answers go, unless the app says otherwise."),
    )  # fmt: skip
    ehlo_name = models.CharField(
        _("EHLO name"), max_length=253, blank=True, validators=[validate_host],
        help_text=_("How this computer introduces itself. Empty is right for nearly everyone."),
    )  # fmt: skip

    dkim_selector = models.CharField(
        _("DKIM selector"), max_length=63, blank=True, validators=[validate_selector],
        help_text=_(
            "What stands before “._domainkey” in the name of your DKIM record. Empty: the provider’s usual ones are "
            "looked up. Only for the check of the sender; mail leaves as before."
        ),
    )  # fmt: skip

    skip_verify = models.BooleanField(
        _("do NOT check the certificate (unsafe)"),
        default=False,
        help_text=_("Anyone between you and the server can then read the password. Trust the CA instead."),
    )
    skip_verify_reason = models.CharField(_("reason for not checking"), max_length=200, blank=True)
    skip_verify_until = models.DateField(
        _("not checked until"), null=True, blank=True,
        help_text=_("The last day. After it the certificate is checked again by itself. At most 90 days ahead."),
    )  # fmt: skip
    ca_pem = models.TextField(
        _("CA certificate"), blank=True,
        help_text=_("In PEM form, for a server whose certificate your own CA has signed."),
    )  # fmt: skip
    pinned_sha256 = models.CharField(
        _("pinned certificate"), max_length=95, blank=True,
        help_text=_("SHA-256 fingerprint. Only this very certificate is then accepted."),
    )  # fmt: skip
    allow_plaintext_auth = models.BooleanField(
        _("send the password unencrypted"),
        default=False,
        help_text=_("Anyone between you and the server can read the password. Only for a server without TLS."),
    )

    batch = models.PositiveSmallIntegerField(
        _("batch"), default=20, validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("The most messages in flight at once, over all connections."),
    )  # fmt: skip
    max_message_bytes = models.PositiveIntegerField(
        _("largest message"), null=True, blank=True, help_text=_("In bytes. Empty: no limit of its own.")
    )
    max_recipients = models.PositiveIntegerField(
        _("most recipients per message"), null=True, blank=True, validators=[MinValueValidator(1)],
        help_text=_("Empty: no limit of its own."),
    )  # fmt: skip
    rate_second = models.PositiveIntegerField(
        _("most per second"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    rate_minute = models.PositiveIntegerField(
        _("most per minute"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    rate_hour = models.PositiveIntegerField(
        _("most per hour"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    rate_day = models.PositiveIntegerField(_("most per day"), null=True, blank=True, validators=[MinValueValidator(1)])
    pipelining = models.BooleanField(
        _("use PIPELINING"), default=True,
        help_text=_("Several commands in one round trip, where the server offers it."),
    )  # fmt: skip
    chunking = models.BooleanField(
        _("use CHUNKING"), default=True,
        help_text=_("Several messages in one round trip, where the server offers it."),
    )  # fmt: skip
    fallback = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("fallback profile"),
        help_text=_("Takes over while this server is out of reach, refuses the sign-in or has no quota left."),
    )  # fmt: skip
    connect_timeout = models.PositiveSmallIntegerField(
        _("seconds to connect"), default=30, validators=[MinValueValidator(1), MaxValueValidator(300)]
    )
    command_timeout = models.PositiveSmallIntegerField(
        _("seconds for a reply"), default=60, validators=[MinValueValidator(1), MaxValueValidator(600)]
    )

    enabled = models.BooleanField(pgettext_lazy("profile", "enabled"), default=True)
    is_default = models.BooleanField(pgettext_lazy("profile", "default"), default=False, editable=False)

    test_state = models.CharField(max_length=10, choices=TestState.choices, default=TestState.UNTESTED, editable=False)
    tested_at = models.DateTimeField(null=True, editable=False)
    tested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    # Steps and diagnosis of the last test as plain data, scrubbed of secrets; see `testing`.
    test_report = models.JSONField(null=True, editable=False)
    # A lease: while it lies in the future a test of this profile is under way.
    testing_until = models.DateTimeField(null=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("SMTP profile")
        verbose_name_plural = _("SMTP profiles")
        permissions = [("test_profile", "Can test SMTP profile")]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="smtpadmin_one_default_profile"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(enabled=True), name="smtpadmin_default_is_enabled"
            ),
            models.CheckConstraint(
                condition=Q(skip_verify=False) | ~Q(skip_verify_reason=""),
                name="smtpadmin_skip_verify_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(skip_verify=False) | Q(skip_verify_until__isnull=False),
                name="smtpadmin_skip_verify_has_end",
            ),
            models.CheckConstraint(
                condition=Q(fallback__isnull=True) | ~Q(fallback=models.F("id")), name="smtpadmin_fallback_is_another"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def sender(self) -> Sender:
        return Sender(address=self.from_address, name=self.from_name)

    @property
    def endpoint(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def verifies_certificate(self) -> bool:
        """Whether the server's certificate is checked today: leaving that out ends by itself after its last day."""
        return not (self.skip_verify and self.skip_verify_until and today() <= self.skip_verify_until)

    @property
    def skip_verify_ended(self) -> bool:
        """Whether the check was left out, and is not any more because its end has come."""
        return self.skip_verify and self.skip_verify_until is not None and self.verifies_certificate

    @property
    def secret_context(self) -> str:
        """What the secret is bound to. When any of it changes the stored secret no longer opens, on purpose."""
        return f"profile.password|{self.uid}|{self.host}|{self.port}|{self.security}|{self.username}"
