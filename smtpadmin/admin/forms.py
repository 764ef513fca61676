"""The profile form: one short form for adding, the same one for editing.

It completes what was left out, checks it, and decides what becomes of the secret. Where its fields stand is
`layout`'s; what is saved and logged is `profile`'s.
"""

import unicodedata
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from smtpadmin import profiles
from smtpadmin.admin import presets
from smtpadmin.admin.form_fields import EndDateField, MarkField, ProviderField, SecretField, SenderField, without_groups
from smtpadmin.admin.rules import Finding, findings, signs_in
from smtpadmin.diagnosis import provider_of
from smtpadmin.models import FromPolicy, Profile
from smtpadmin.names import Sender
from smtpadmin.providers import Provider, SecretKind, UserNameForm
from smtpadmin.smtp import Secret

if TYPE_CHECKING:
    ProfileModelForm = forms.ModelForm[Profile]
else:
    ProfileModelForm = forms.ModelForm

MODEL_FIELDS = (
    "name", "slug", "provider", "host", "port", "security", "username", "sign_in", "from_policy", "reply_to",
    "dkim_selector", "ehlo_name", "skip_verify", "skip_verify_reason", "skip_verify_until", "ca_pem", "pinned_sha256",
    "allow_plaintext_auth", "batch", "rate_second", "rate_minute", "rate_hour", "rate_day", "max_message_bytes",
    "max_recipients", "pipelining", "chunking", "connect_timeout", "command_timeout", "fallback",
)  # fmt: skip
# A profile has these from the beginning; an empty box on the short form stands for them.
_HAS_DEFAULT = ("sign_in", "from_policy", "batch", "connect_timeout", "command_timeout")
_FOLLOW = ("name", "slug", "host", "port", "security", "username", "secret")
# What these hold counts only while certificates go unchecked.
_OF_SKIPPING = ("skip_verify_reason", "skip_verify_until")
_UNTOUCHED = Profile()
_MODEL = Profile._meta  # noqa: SLF001  Django's documented API
_PLAIN = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}


class SecretChange(StrEnum):
    """What saving does to the stored secret."""

    KEEP = "keep"
    REPLACE = "replace"
    CLEAR = "clear"


class ProfileForm(ProfileModelForm):
    """Adding takes an address and a secret; whatever else is empty is filled in from the provider."""

    address = SenderField(
        label=gettext_lazy("E-mail address (From)"),
        help_text=gettext_lazy("Mail comes from here. A name may stand before it: Shop <notify@example.com>"),
        error_messages={"required": gettext_lazy("Enter the address that mail is to come from.")},
    )
    provider = ProviderField(label=gettext_lazy("Provider"), required=False)
    secret = SecretField(label=gettext_lazy("Password or code"), required=False)
    without_secret = forms.BooleanField(label=gettext_lazy("Save without a secret for now"), required=False)
    # Declared, because the admin would put links and pop-up windows around it.
    fallback = forms.ModelChoiceField(
        label=gettext_lazy("Fallback profile"),
        queryset=Profile.objects.none(),
        required=False,
        empty_label=gettext_lazy("None: mail waits for this server"),
        help_text=_MODEL.get_field("fallback").help_text,
        error_messages={"invalid_choice": gettext_lazy("Choose an enabled profile other than this one.")},
    )
    skip_verify_until = EndDateField(
        label=capfirst(_MODEL.get_field("skip_verify_until").verbose_name),
        help_text=_MODEL.get_field("skip_verify_until").help_text,
        required=False,
    )
    limits_from = MarkField()

    class Meta:
        model = Profile
        fields = MODEL_FIELDS
        widgets = {
            "host": forms.TextInput(attrs=_PLAIN | {"inputmode": "url", "placeholder": "smtp.example.com"}),
            "port": forms.NumberInput(attrs={"min": 1, "max": 65535, "autocomplete": "off"}),
            "security": forms.Select,
            "sign_in": forms.Select,
            "username": forms.TextInput(attrs=_PLAIN),
            "reply_to": forms.TextInput(attrs=_PLAIN | {"inputmode": "email"}),
            "dkim_selector": forms.TextInput(attrs=_PLAIN),
            "ehlo_name": forms.TextInput(attrs=_PLAIN),
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "slug": forms.TextInput(attrs=_PLAIN),
            "skip_verify_reason": forms.TextInput(attrs={"autocomplete": "off"}),
            "ca_pem": forms.Textarea(attrs=_PLAIN | {"rows": 4, "placeholder": "-----BEGIN CERTIFICATE-----"}),
            "pinned_sha256": forms.TextInput(attrs=_PLAIN),
        }
        error_messages = {
            "host": {"required": gettext_lazy("Enter the mail server, or press “Find settings” above.")},
        }

    def __init__(self, data: Mapping[str, Any] | None = None, *args: Any, **kwargs: Any) -> None:
        instance = kwargs.get("instance")
        self.language = get_language() or "en"
        self.is_new = instance is None or instance.pk is None
        if data is not None and self.is_new:
            data = _filled_in(data, language=self.language)
        super().__init__(data, *args, **kwargs)
        self.stored = bool(self.instance.sealed_password)
        self._bound_before = {name: getattr(self.instance, name) for name in profiles.SECRET_BOUND}
        self._trust_before = {name: getattr(self.instance, name) for name in profiles.TRUST_BOUND}
        self.secret_change = SecretChange.KEEP
        self.found: tuple[Finding, ...] = ()
        # A reader without the right to change gets no fields of the model: the admin leaves them out.
        if "host" in self.fields:
            self._prepare_fields()

    def _prepare_fields(self) -> None:
        for name in _HAS_DEFAULT:
            self.fields[name].required = False
        fallback = self.fields["fallback"]
        assert isinstance(fallback, forms.ModelChoiceField)  # noqa: S101  for the type checker
        others = Profile.objects.filter(Q(enabled=True) | Q(pk=self.instance.fallback_id))
        fallback.queryset = others.exclude(pk=self.instance.pk).defer("test_report", "ca_pem")
        if self.is_new:
            # Otherwise the model's default would stand there as if somebody had chosen it.
            self.initial.setdefault("port", "")
            self.initial["from_policy"] = ""
            policy = self.fields["from_policy"]
            assert isinstance(policy, forms.ChoiceField)  # noqa: S101  for the type checker
            policy.choices = [("", _("As the provider wants")), *FromPolicy.choices]
            if not self.is_bound:
                # Whoever opens the form may type at once; a form that comes back shows what is wrong with it first.
                first = "secret" if self.initial.get("address") else "address"
                self.fields[first].widget.attrs["autofocus"] = True
        else:
            self.initial["address"] = self.instance.sender
            self.initial["provider"] = self.instance.provider or presets.OTHER
            self.initial["limits_from"] = self.instance.provider
            # The profile and not its number: the history names it.
            self.initial["fallback"] = self.instance.fallback
        if self.instance.provider and provider_of(self.instance.provider) is None:
            field = self.fields["provider"]
            assert isinstance(field, ProviderField)  # noqa: S101  for the type checker
            field.add_choice(self.instance.provider)
        known = self.known_provider
        if known is not None and known.takes_password:
            self.fields["secret"].label = known.secret_label.get(self.language)

    @property
    def known_provider(self) -> Provider | None:
        """The provider that the form names now, saved or not."""
        key = self["provider"].value()
        if not key and not self.is_bound and self.is_new:
            return presets.chosen("", str(self["address"].value() or ""))
        return provider_of(key) if key and key != presets.OTHER else None

    def clean_provider(self) -> str:
        key = str(self.cleaned_data["provider"])
        return "" if key == presets.OTHER else key

    def clean_host(self) -> str:
        host = str(self.cleaned_data["host"]).strip().lower()
        if "{" in host:
            raise ValidationError(
                _("Put your own value in place of “%(part)s”; the guide says where to find it."),
                code="template",
                params={"part": host[host.index("{") : host.find("}") + 1] or host},
            )
        return host

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if any(unicodedata.category(char) in {"Cc", "Zl", "Zp"} for char in name):
            # It stands in log lines and in the subject of pages.
            raise ValidationError(_("Line breaks and control characters are not allowed here."), code="control")
        return name

    def clean_pinned_sha256(self) -> str:
        return str(self.cleaned_data["pinned_sha256"]).replace(":", "").replace(" ", "").lower()

    def clean(self) -> dict[str, Any]:
        # Django's own clean is what has names and short names checked for being taken.
        super().clean()
        cleaned: dict[str, Any] = self.cleaned_data
        for name in _HAS_DEFAULT:
            if cleaned.get(name) in (None, "") and name not in self.errors:
                cleaned[name] = getattr(_UNTOUCHED, name)
        sender = cleaned.get("address")
        if isinstance(sender, Sender):
            self.instance.from_address, self.instance.from_name = sender.address, sender.name
        self._clean_skipping(cleaned)
        return cleaned

    def _clean_skipping(self, cleaned: dict[str, Any]) -> None:
        """Leaving the check of certificates out takes a reason and an end."""
        if not cleaned.get("skip_verify"):
            cleaned |= {"skip_verify_reason": "", "skip_verify_until": None}
            for name in _OF_SKIPPING:
                self.errors.pop(name, None)
            return
        if not cleaned.get("skip_verify_reason"):
            text = _(
                "Say why the certificate is not checked: whoever comes after you has to judge whether it still holds."
            )
            self.add_error("skip_verify_reason", ValidationError(text, code="required"))
        end = cleaned.get("skip_verify_until")
        # An end that has come stays as it is while other settings are changed; it leaves nothing out any more.
        kept = end is not None and self.instance.skip_verify and end == self.instance.skip_verify_until
        field = self.fields["skip_verify_until"]
        if not kept and isinstance(field, EndDateField) and "skip_verify_until" not in self.errors:
            try:
                field.checked_end(end)
            except ValidationError as error:
                self.add_error("skip_verify_until", error)

    @cached_property
    def changed_data(self) -> list[str]:
        """What a box holds that does not count is no change; what `clean` made of it may be one."""
        names = [name for name in super().changed_data if name not in _OF_SKIPPING]
        return names + [name for name in _OF_SKIPPING if (self.initial.get(name) or None) != self._counted(name)]

    def _counted(self, name: str) -> Any:
        return self.cleaned_data.get(name) or None

    def _post_clean(self) -> None:
        # The instance has the form's values only after Django's own part of this step.
        super()._post_clean()  # type: ignore[misc]  # django-stubs leaves the hook out
        if not self.errors.keys() & {"address", "host", "port", "security", "username", "sign_in", "ehlo_name"}:
            self._check_settings()
        self._decide_secret()
        if self.is_new and "address" in self.errors:
            # What would have followed from the address is not missing on its own.
            for name in [name for name in _FOLLOW if name in self.errors and not self.data.get(name)]:
                del self.errors[name]

    def _check_settings(self) -> None:
        self.found = tuple(findings(self.instance, language=self.language))
        for item in self.found:
            if item.blocks and item.field not in self.errors:
                self.add_error(item.field, ValidationError(item.text, code="rule"))

    def _decide_secret(self) -> None:
        """Choose between keeping, replacing and clearing; where a choice would lose or leak it, ask."""
        typed = self.cleaned_data.get("secret")
        if typed:
            provider = provider_of(self.instance.provider)
            if provider is not None and provider.secret is SecretKind.APP_PASSWORD:
                self.cleaned_data["secret"] = without_groups(typed)
            self.secret_change = SecretChange.REPLACE
            return
        may_lack = self.cleaned_data.get("without_secret") or not signs_in(self.instance)
        if self.stored and (self.is_moved or self.weakened):
            self.secret_change = SecretChange.CLEAR
            if not may_lack:
                text = self._moved_text() if self.is_moved else self.weakened_text()
                self.add_error("secret", ValidationError(text, code="needed"))
        elif self.is_new and not may_lack and "secret" not in self.errors and "provider" not in self.errors:
            text = _("This is still missing. The guide says where to get it.")
            self.add_error("secret", ValidationError(text, code="needed"))

    @property
    def is_moved(self) -> bool:
        """Whether the secret would go to another server or user than the one it was given for."""
        return any(getattr(self.instance, name) != value for name, value in self._bound_before.items())

    @property
    def weakened(self) -> tuple[str, ...]:
        """The fields by which others than before could pass for the server, or listen."""
        values = {name: getattr(self.instance, name) for name in self._trust_before}
        return tuple(
            name for name, before in self._trust_before.items() if values[name] and _is_weaker(values[name], before)
        )

    def weakened_text(self) -> str:
        """Return why the stored secret does not follow a change of trust."""
        return _(
            "The stored secret was given for a server known by other means. With what changes under “Certificates and "
            "encryption” it could reach somebody else. Type the secret again, or tick “Save without a secret for now”."
        )

    def _moved_text(self) -> str:
        before = self._bound_before
        return _(
            "The stored secret was given for %(user)s at %(host)s:%(port)s and is not sent anywhere else. Type the "
            "secret again for the new settings, or tick “Save without a secret for now”."
        ) % {"user": before["username"] or "–", "host": before["host"], "port": before["port"]}

    @property
    def user_name_is_secret(self) -> bool:
        """Whether the user name, as it is or was, may be the secret itself, so that it must not be told on."""
        typed = self.cleaned_data.get("secret")
        if typed and typed.reveal() in {self.initial.get("username"), self.cleaned_data.get("username")}:
            return True
        known = (provider_of(str(key)) for key in (self.initial.get("provider"), self.instance.provider) if key)
        return any(item is not None and item.username is UserNameForm.SAME_AS_SECRET for item in known)

    @property
    def asks_for_secret(self) -> bool:
        """Whether saving without one has to be confirmed: the tick for it is shown."""
        return bool(self.data.get("without_secret")) or self.has_error("secret", code="needed")

    def apply_secret(self) -> None:
        """Change the instance's secret as decided. The caller saves. Raise KeyringLocked."""
        if self.secret_change is SecretChange.REPLACE:
            profiles.set_password(self.instance, self.cleaned_data["secret"])
        elif self.secret_change is SecretChange.CLEAR:
            profiles.clear_password(self.instance)

    def password_to_test(self) -> Secret:
        """Return the secret that a test of these values may use: the typed one, or the stored one where it belongs."""
        if self.secret_change is SecretChange.REPLACE:
            secret: Secret = self.cleaned_data["secret"]
            return secret
        if self.secret_change is SecretChange.KEEP and not self.is_moved and not self.weakened:
            return profiles.password(self.instance)
        return Secret("")


def _is_weaker(value: str | bool | date, before: str | bool | date | None) -> bool:
    if isinstance(value, date):
        return not isinstance(before, date) or value > before
    return bool(_flat(value) != _flat(before))


def _flat(value: Any) -> Any:
    # A browser sends other line ends than were stored; that is no other certificate.
    return "".join(value.split()) if isinstance(value, str) else value


def _filled_in(data: Mapping[str, Any], *, language: str) -> QueryDict:
    full = QueryDict(mutable=True)
    full.update(data)
    values = {name: full.get(name, "") for name in (*MODEL_FIELDS, "address", "limits_from")}
    before = dict(values)
    presets.fill_in(values, language=language)
    for name, value in values.items():
        if value != before[name]:
            full[name] = value
    return full
