"""What the page around the profile form shows: its sections, the provider's guide, banners, buttons."""

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import label_for_field
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from smtpadmin import profiles
from smtpadmin.admin import certificates, finding, history, other_ways, preset_limits, presets
from smtpadmin.admin.columns import provider_name
from smtpadmin.admin.forms import ProfileForm
from smtpadmin.admin.guide import SECURITY_LABELS, guide
from smtpadmin.admin.layout import RATE_SUMMARIES, sections
from smtpadmin.admin.send_test import RecipientForm, own_address
from smtpadmin.diagnosis import provider_of
from smtpadmin.models import Profile
from smtpadmin.smtp import Security
from smtpadmin.wording import results
from smtpadmin.wording.health import banners, health

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    ProfileModelAdmin = ModelAdmin[Profile]


@lru_cache(maxsize=8)
def _pending_steps(language: str) -> dict[str, SafeString]:  # noqa: ARG001  what the texts depend on
    """Return what a test shows before it begins, for each kind of encryption."""
    return {
        kind.value: render_to_string("smtpadmin/steps.html", {"rows": results.pending_rows(kind)}) for kind in Security
    }


def read_only_context(profile: Profile) -> dict[str, Any]:
    """Return what the page shows to people who may look and not change."""
    return {
        "title": _("SMTP profile"),
        "banners": banners(profile),
        "health": health(profile),
        "facts": list(_read_only(profile)),
    }


def form_context(
    model_admin: "ProfileModelAdmin", request: HttpRequest, form: ProfileForm, profile: Profile | None
) -> dict[str, Any]:
    """Return what the form's templates need besides the admin's own context."""
    language = get_language() or "en"
    known = form.known_provider
    # A form that comes back keeps this box too, though it belongs to another form.
    recipient = request.POST.get("recipient") or own_address(request, profile)
    trust = certificates.offered(request, profile)
    if trust:
        # What is trusted takes the place of not checking.
        form.initial.update(trust, skip_verify=False)
    way = other_ways.named(request.GET.get("way", ""), profile) if profile else None
    if way is not None and way.way is not None:
        form.initial["port"], form.initial["security"] = way.way.port, way.way.security.value
    context: dict[str, Any] = {
        "title": _("Change SMTP profile") if profile else _("Add SMTP profile"),
        "form": form,
        "sections": sections(form, wanted=_wanted(request, trust=trust)),
        "guide": guide(known, language, today=timezone.localdate()) if known else None,
        "other_server": form["provider"].value() == presets.OTHER,
        "pending_by_security": _pending_steps(language),
        "takes_secret": known is None or known.takes_password,
        "recipient_form": RecipientForm(initial={"recipient": recipient}),
        "bound_fields": ",".join(profiles.SECRET_BOUND),
        "trust_fields": ",".join(profiles.TRUST_BOUND),
        "weakened_text": form.weakened_text(),
        # A form that comes back has lost it, and nobody sees that on a page that has other things to say.
        "secret_was_typed": bool(request.POST.get("secret")),
        "limits_filled_in": _limits_filled_in(form),
        "rate_summaries": RATE_SUMMARIES,
        "unlimited": json.dumps(preset_limits.UNLIMITED),
        "offers_pin": bool(trust) and form.stored and not form.is_bound,
        "offers_way": way is not None and form.stored and not form.is_bound,
        "find_pending": finding.pending_rows(),
        **_urls(model_admin, profile, language),
    }
    if profile is not None:
        context |= {
            "banners": banners(profile),
            "health": health(profile),
            "secret_since": history.secret_stored_at(profile) if form.stored else None,
        }
    return context


def _wanted(request: HttpRequest, *, trust: dict[str, str]) -> str:
    """Return the field that is to be in sight: a link names one, and what was found is to be looked at."""
    if trust:
        return next(iter(trust))
    return "host" if request.POST.keys() & finding.BUTTONS else request.GET.get("field", "")


def _limits_filled_in(form: ProfileForm) -> bool:
    """Say whether the limits in sight are those that a provider publishes, and nobody has saved them yet."""
    provider = provider_of(str(form["limits_from"].value() or ""))
    return form.is_new and preset_limits.limits(provider) != preset_limits.UNLIMITED


def _urls(model_admin: "ProfileModelAdmin", profile: Profile | None, language: str) -> dict[str, str]:
    site = model_admin.admin_site.name
    arguments = [profile.pk] if profile else []
    which = "" if profile else "_new"
    version = presets.presets_version(language)
    return {
        "try_url": reverse(f"{site}:smtpadmin_profile_try{which}", args=arguments),
        "find_url": reverse(f"{site}:smtpadmin_profile_find{which}", args=arguments),
        "check_url": reverse(f"{site}:smtpadmin_profile_check{which}", args=arguments),
        "guide_url": reverse(f"{site}:smtpadmin_provider_guide", args=["KEY"]),
        "presets_url": f"{reverse(f'{site}:smtpadmin_provider_presets')}?lang={language}&v={version}",
    }


def _read_only(profile: Profile) -> Any:
    """Yield what people see who may look but not change. Of the secret only the history speaks: when it was set."""
    yield _("From"), str(profile.sender)
    yield _("Provider"), provider_name(profile.provider)
    yield _("Server"), f"{profile.endpoint} ({SECURITY_LABELS[profile.security]})"
    yield _("User name"), profile.username or "–"
    yield _("Sign-in method"), profile.get_sign_in_display()
    yield _("Short name"), profile.slug
    yield _("Other From addresses"), profile.get_from_policy_display()
    if profile.reply_to:
        yield _("Reply-To"), profile.reply_to
    yield _("Certificate checked"), _certificate_checked(profile)
    if profile.pinned_sha256:
        yield _("Pinned certificate"), profile.pinned_sha256
    yield _("Messages in flight at once"), str(profile.batch)
    for name in ("rate_second", "rate_minute", "rate_hour", "rate_day", "max_recipients", "max_message_bytes"):
        value = getattr(profile, name)
        if value:
            yield capfirst(_label(name)), number_format(value, force_grouping=True)
    for name in ("pipelining", "chunking"):
        yield capfirst(_label(name)), _("yes") if getattr(profile, name) else _("no")
    if profile.fallback is not None:
        yield capfirst(_label("fallback")), profile.fallback.name


def _certificate_checked(profile: Profile) -> str:
    if profile.verifies_certificate or profile.skip_verify_until is None:
        return _("yes")
    return _("NO, until %(date)s") % {"date": date_format(profile.skip_verify_until)}


def _label(name: str) -> str:
    return str(label_for_field(name, Profile))
