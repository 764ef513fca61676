"""The form of an alert channel: short, with the fields of its kind only. What is saved is said by `alerts`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _

from smtpadmin.admin.form_fields import SecretField
from smtpadmin.alerts import channels, services, texts, webhook
from smtpadmin.alerts.outcome import Reason
from smtpadmin.models import AlertChannel, AlertLanguage, ChannelKind, IncidentKind, Profile
from smtpadmin.names import validate_address
from smtpadmin.smtp import CertificateError, Secret
from smtpadmin.smtp.certificates import from_pem

if TYPE_CHECKING:
    ChannelModelForm = forms.ModelForm[AlertChannel]
else:
    ChannelModelForm = forms.ModelForm

MODEL_FIELDS = ("name", "enabled", "language", "kinds", "profile", "addresses", "ca_pem")
_PLAIN = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
_MOST_RECIPIENTS = 20
# The fields that only some kinds have.
_OF_KIND: Mapping[str, frozenset[str]] = {
    ChannelKind.MAIL: frozenset({"profile", "addresses"}),
    ChannelKind.WEBHOOK: frozenset({"target", "secret", "remove_secret", "ca_pem"}),
    ChannelKind.SERVICE: frozenset({"target"}),
}
_SPECIAL = frozenset().union(*_OF_KIND.values())
_TARGETS = {
    ChannelKind.WEBHOOK: (
        gettext_lazy("Address"),
        gettext_lazy("It begins with https:// and often holds a secret, so it is stored sealed and never shown again."),
    ),
    ChannelKind.SERVICE: (
        gettext_lazy("Apprise URL"),
        gettext_lazy(
            "For example tgram://bottoken/ChatID or dingtalk://token. It holds a secret, so it is stored sealed and "
            "never shown again. The form for each service: https://appriseit.com/services/"
        ),
    ),
}


class TargetChange(StrEnum):
    """What saving does to the stored address."""

    KEEP = "keep"
    REPLACE = "replace"


class ChannelForm(ChannelModelForm):
    """Adding and editing a channel. `channel_kind` is set by the admin: a channel keeps its kind."""

    channel_kind = ""

    target = SecretField(required=False)
    secret = SecretField(
        label=gettext_lazy("Signing secret"),
        required=False,
        help_text=gettext_lazy("If you enter one, the receiver can check that a call is from here. Never shown again."),
    )
    remove_secret = forms.BooleanField(label=gettext_lazy("Remove the stored signing secret"), required=False)
    # Declared, because the admin would put links and pop-up windows around it.
    profile = forms.ModelChoiceField(
        label=gettext_lazy("Send through"),
        queryset=Profile.objects.none(),
        empty_label=gettext_lazy("Choose a profile"),
        help_text=gettext_lazy("This channel tells nothing about trouble with that very profile."),
        error_messages={"required": gettext_lazy("Choose the profile that these alerts leave through.")},
    )
    addresses = forms.CharField(
        label=gettext_lazy("Recipients"),
        widget=forms.Textarea(attrs=_PLAIN | {"rows": 2, "inputmode": "email"}),
        help_text=gettext_lazy("One or more addresses, each on a line of its own."),
        error_messages={"required": gettext_lazy("Enter at least one address.")},
    )
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Tell about"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Tick at least one, or disable the channel.")},
    )

    class Meta:
        model = AlertChannel
        fields = MODEL_FIELDS
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "language": forms.Select,
            "ca_pem": forms.Textarea(attrs=_PLAIN | {"rows": 4, "placeholder": "-----BEGIN CERTIFICATE-----"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_new = self.instance.pk is None
        self.target_change = TargetChange.KEEP
        self.hint = ""
        if self.is_new:
            self.instance.kind = self.channel_kind
        self._ca_before = "".join(self.instance.ca_pem.split())
        # A reader without the right to change gets no fields of the model: the admin leaves them out.
        if "name" in self.fields:
            self._prepare_fields()

    def _prepare_fields(self) -> None:
        for name in _SPECIAL - _OF_KIND.get(self.instance.kind, frozenset()):
            del self.fields[name]
        kinds = self.fields["kinds"]
        assert isinstance(kinds, forms.MultipleChoiceField)  # noqa: S101  for the type checker
        language = get_language() or "en"
        kinds.choices = [(value, texts.ANNOUNCED[value].get(language)) for value in IncidentKind.values]
        self.initial["kinds"] = self.instance.kinds or list(IncidentKind.values)
        if "profile" in self.fields:
            profiles = self.fields["profile"]
            assert isinstance(profiles, forms.ModelChoiceField)  # noqa: S101  for the type checker
            known = Profile.objects.filter(Q(enabled=True) | Q(pk=self.instance.profile_id))
            profiles.queryset = known.defer("test_report", "ca_pem")
        if "target" in self.fields:
            target = self.fields["target"]
            target.label, help_text = _TARGETS[ChannelKind(self.instance.kind)]
            target.help_text = str(help_text)
        if not self.instance.sealed_secret:
            self.fields.pop("remove_secret", None)
        if self.is_new:
            self.initial.setdefault("name", free_name(str(ChannelKind(self.instance.kind).label)))
            self.initial.setdefault("language", _own_language())

    def clean_addresses(self) -> str:
        words = str(self.cleaned_data["addresses"]).replace(",", "\n").replace(";", "\n").splitlines()
        found = list(dict.fromkeys(word.strip() for word in words if word.strip()))
        if len(found) > _MOST_RECIPIENTS:
            raise ValidationError(
                _("More than %(most)s addresses: use a mailing list."), code="many", params={"most": _MOST_RECIPIENTS}
            )
        for address in found:
            validate_address(address)
        return "\n".join(found)

    def clean_kinds(self) -> list[str]:
        chosen = self.cleaned_data["kinds"]
        return [] if set(chosen) == set(IncidentKind.values) else list(chosen)

    def clean_ca_pem(self) -> str:
        pem = str(self.cleaned_data["ca_pem"]).strip()
        if pem:
            try:
                from_pem(pem)
            except CertificateError as error:
                raise ValidationError(str(error), code="certificate") from None
        return pem

    def clean_target(self) -> Secret:
        typed: Secret = self.cleaned_data["target"]
        if not typed:
            return typed
        if self.instance.kind == ChannelKind.WEBHOOK:
            try:
                self.hint = webhook.parse(typed.reveal()).shown
            except webhook.BadUrl:
                raise _explained(Reason.BAD_URL) from None
        else:
            known = services.check(typed)
            if known.reason is not None:
                raise _explained(known.reason)
            self.hint = known.name
        self.target_change = TargetChange.REPLACE
        return typed

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        if "target" in self.fields and not cleaned.get("target") and "target" not in self.errors:
            if not self.instance.sealed_target:
                self.add_error("target", ValidationError(_("Enter the address."), code="required"))
            elif self._trusts_another(str(cleaned.get("ca_pem", ""))):
                # Whoever may edit could else have the stored address told to a server of their own.
                text = _("With another CA the stored address could reach somebody else. Enter the address again.")
                self.add_error("target", ValidationError(text, code="needed"))
        return cleaned

    def _trusts_another(self, pem: str) -> bool:
        return bool(pem) and "".join(pem.split()) != self._ca_before

    def apply_secrets(self) -> None:
        """Seal what was typed. The caller saves. Raise KeyringLocked."""
        if self.target_change is TargetChange.REPLACE:
            channels.set_target(self.instance, self.cleaned_data["target"], hint=self.hint)
        if self.cleaned_data.get("secret"):
            channels.set_secret(self.instance, self.cleaned_data["secret"])
        elif self.cleaned_data.get("remove_secret"):
            channels.set_secret(self.instance, Secret(""))


def free_name(stem: str) -> str:
    """Return a name that no channel has yet."""
    taken = set(AlertChannel.objects.filter(name__startswith=stem).values_list("name", flat=True))
    candidates = (stem if number == 1 else f"{stem} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in candidates if name not in taken)


def _own_language() -> str:
    is_chinese = (get_language() or "en").lower().startswith("zh")
    return (AlertLanguage.CHINESE if is_chinese else AlertLanguage.ENGLISH).value


def _explained(reason: Reason) -> ValidationError:
    language = get_language() or "en"
    found = texts.REASONS[reason]
    parts = (found.title, found.cause, *found.steps)
    stop = pgettext_lazy("between a title and what follows", ". ")
    return ValidationError(parts[0].get(language) + str(stop) + " ".join(part.get(language) for part in parts[1:]))
