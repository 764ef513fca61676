"""Password reset by mail, without telling anyone which addresses have an account.

The answer is sent before anything is looked up: known and unknown addresses get the same page after the same work.
The look-up, the token and the mail follow in the background, in the visitor's language; the mail is queued there.
"""

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.views import (
    PasswordResetCompleteView,
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
)
from django.core.mail import EmailMultiAlternatives
from django.http import HttpResponse, HttpResponseRedirect
from django.template import loader
from django.urls import URLPattern, path
from django.utils import translation

from panel.background import later
from panel.client import client_scope
from smtpadmin import limits

logger = logging.getLogger("panel.password_reset")

# Whoever gets the mail late still has this much of the link's life.
SECONDS_TO_USE_IT = 300

WINDOW_SECONDS = 3600
PER_CLIENT = 10
PER_ADDRESS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What the background needs of a request that is over by then."""

    email: str
    host: str
    is_secure: bool
    language: str


class AskView(PasswordResetView):
    """Ask for the address, and always answer the same."""

    def form_valid(self, form: PasswordResetForm) -> HttpResponse:
        request = Request(
            email=form.cleaned_data["email"],
            # Raises DisallowedHost for a host that is not ours, so no link can be made to lead elsewhere.
            host=self.request.get_host(),
            is_secure=self.request.is_secure(),
            language=translation.get_language() or "en",
        )
        if self._may_ask(request):
            later(lambda: send_link(request))
        return HttpResponseRedirect(self.get_success_url())

    def _may_ask(self, request: Request) -> bool:
        client = client_scope(self.request)
        address = hashlib.sha256(request.email.casefold().encode()).hexdigest()[:32]
        for scope, count in ((f"reset:client:{client}", PER_CLIENT), (f"reset:address:{address}", PER_ADDRESS)):
            if not limits.take(scope, count=count, seconds=WINDOW_SECONDS):
                logger.warning("Too many password resets asked for from %s", client or "a client without an address")
                return False
        return True


class LinkForm(PasswordResetForm):
    """Django's form, whose mail goes before all others, and not when its link is as good as dead."""

    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        """Queue the mail; a failure is logged by the account's number, because nobody may see it on the page."""
        headers = {
            "X-Smtpadmin-Lane": "urgent",
            "X-Smtpadmin-Expires-In": str(settings.PASSWORD_RESET_TIMEOUT - SECONDS_TO_USE_IT),
        }
        subject = "".join(loader.render_to_string(subject_template_name, context).splitlines())
        body = loader.render_to_string(email_template_name, context)
        message = EmailMultiAlternatives(subject, body, from_email, [to_email], headers=headers)
        if html_email_template_name is not None:
            message.attach_alternative(loader.render_to_string(html_email_template_name, context), "text/html")
        try:
            message.send()
        except Exception:
            logger.exception("The password-reset mail of account %s was not accepted.", context["user"].pk)


def send_link(request: Request) -> None:
    """Queue a link for each account with this address."""
    form = LinkForm({"email": request.email})
    with translation.override(request.language):
        if form.is_valid():
            form.save(
                domain_override=request.host,
                use_https=request.is_secure,
                subject_template_name="registration/password_reset_subject.txt",
                email_template_name="registration/password_reset_email.txt",
                html_email_template_name="registration/password_reset_email.html",
            )


def urlpatterns() -> list[URLPattern]:
    """The pages, by the names that Django's views and the login page look for."""
    views: tuple[tuple[str, Any, str], ...] = (
        ("", AskView, "admin_password_reset"),
        ("sent/", PasswordResetDoneView, "password_reset_done"),
        ("<uidb64>/<token>/", PasswordResetConfirmView, "password_reset_confirm"),
        ("done/", PasswordResetCompleteView, "password_reset_complete"),
    )
    return [path(f"password-reset/{route}", view.as_view(), name=name) for route, view, name in views]
