"""The error pages: what happened, and what to do, without anything secret.

They stand alone: no session, no database, no frame that needs either, because any of these may be what failed.
"""

# ruff: noqa: ARG001 - Django calls the handlers with these arguments, by these names

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What an error page says: a heading, a paragraph, and what the operator of the panel can do."""

    status: HTTPStatus
    title: str | Promise
    text: str | Promise
    operator: str | Promise = ""
    setting: str = ""
    has_way_out: bool = True


NOT_FOUND = ErrorPage(
    HTTPStatus.NOT_FOUND,
    _("This page does not exist"),
    _("The address may be mistyped, or what it showed is gone."),
)
FORBIDDEN = ErrorPage(
    HTTPStatus.FORBIDDEN,
    _("You may not open this page"),
    _("Your account lacks the permission. Whoever administers the panel can give it to you under Users."),
)
CSRF = ErrorPage(
    HTTPStatus.FORBIDDEN,
    _("The form could not be checked"),
    _("It may have been open too long, or your browser refuses this site’s cookies. Go back, reload the page and "
      "send the form again."),
    _("If it happens every time behind a proxy that serves HTTPS, name the panel’s address in this setting, such as "
      "https://mail.example.com:"),
    "CSRF_TRUSTED_ORIGINS",
)  # fmt: skip
BAD_REQUEST = ErrorPage(
    HTTPStatus.BAD_REQUEST,
    _("The request could not be understood"),
    _("Go back, reload the page and try again."),
)
UNKNOWN_HOST = ErrorPage(
    HTTPStatus.BAD_REQUEST,
    _("The panel does not know this address"),
    _("For safety it answers only under the host names that it was given."),
    _("To use the panel under this name, add it to this setting and start the panel again:"),
    "ALLOWED_HOSTS",
    has_way_out=False,
)
SERVER_ERROR = ErrorPage(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    _("Something went wrong here"),
    _("It is not your fault. Go back and try again. If it happens again, whoever runs the panel finds the reason in "
      "its log."),
)  # fmt: skip


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(UNKNOWN_HOST if isinstance(exception, DisallowedHost) else BAD_REQUEST)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(FORBIDDEN)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(CSRF)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(SERVER_ERROR)


def _answer(page: ErrorPage) -> HttpResponse:
    context: dict[str, Any] = {"page": page}
    return HttpResponse(render_to_string("panel/error.html", context), status=page.status)
