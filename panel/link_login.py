"""The page of a one-time link: asks first, then logs in.

Opening it changes nothing, because mail scanners and browsers open links by themselves; a press of the button uses it
up. Which link is good is decided by `admin_link`. Without a good one the page does not exist, and it does not tell why.
"""

import logging

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from panel import admin_link
from panel.client import client_address

logger = logging.getLogger("panel.login")


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
@never_cache
def link_login(request: HttpRequest, pk: int, token: str) -> HttpResponse:
    user = admin_link.owner(pk, token)
    if user is None:
        raise Http404
    if request.method != "POST":
        context = {"title": _("Log in with a one-time link"), "username": user.username}
        return render(request, "panel/link_login.html", context)
    try:
        user = admin_link.use(pk, token)
    except admin_link.LinkUsed:
        raise Http404 from None
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    note_use(user)
    logger.info("%s has logged in with a one-time link, from %s.", user, client_address(request) or "no address")
    page = reverse("admin:auth_user_password_change", args=[user.pk])
    text = _('You are logged in. If you have forgotten your password, <a href="{}">choose a new one</a>.')
    messages.success(request, format_html(text, page))
    return redirect("admin:index")


def note_making(user: User) -> None:
    """Write into the account's history that a link was made, without the link."""
    with translation.override(settings.LANGUAGE_CODE):
        _note(user, _("A one-time link to log in was made at the command line."))


def note_use(user: User) -> None:
    """Write into the account's history that the link was used."""
    with translation.override(settings.LANGUAGE_CODE):
        _note(user, _("Logged in with the one-time link from the command line."))


def _note(user: User, text: str) -> None:
    LogEntry.objects.log_actions(
        user_id=user.pk, queryset=[user], action_flag=CHANGE, change_message=text, single_object=True
    )
