"""`manage.py make_admin_link`: a one-time link that logs an administrator in, or makes the first one."""

from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.http.request import validate_host
from django.urls import reverse
from django.utils.translation import gettext as _

from panel import admin_link, first_run, link_login
from panel.address import panel_address
from smtpadmin.management.terminal import Exit, TerminalCommand, stopped

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Command(TerminalCommand):
    """Prints the link and tells it to nobody else."""

    def describe(self) -> str:
        return _("Print a link that logs an administrator in, once, or that makes the first administrator.")

    def take_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", nargs="?", help=_("Whom to log in; not needed where there is one."))
        parser.add_argument(
            "--address",
            metavar="URL",
            help=_("Where the panel is found, such as http://localhost:8000; by default its public address."),
        )

    def act(self, **options: Any) -> Exit:
        address = (options["address"] or panel_address()).rstrip("/")
        if urlsplit(address).scheme not in {"http", "https"} or not urlsplit(address).hostname:
            text = _("“%(address)s” is no address of a page. Example: http://localhost:8000") % {"address": address}
            raise stopped(text, Exit.USAGE)
        minutes = int(admin_link.LIFETIME.total_seconds() // 60)
        if first_run.is_needed():
            if options["username"]:
                raise stopped(_("There is no administrator yet. Leave the name out to make the first."), Exit.USAGE)
            path = reverse("setup", args=[first_run.new_token(lifetime=admin_link.LIFETIME)])
            invitation = _("Open this link to create the administrator:")
            life = _("It works once, within %(minutes)d minutes. A new link, or a start of the panel, ends it.")
        else:
            user = _administrator(options["username"])
            path = reverse("link_login", args=[user.pk, admin_link.new_token(user)])
            link_login.note_making(user)
            invitation = _("Open this link to log in as %(username)s:") % {"username": user.username}
            life = _("It works once, within %(minutes)d minutes. A new link or a new password ends it.")
        for text in (invitation, "", f"  {address}{path}", "", life % {"minutes": minutes}, *_warnings(address)):
            self.line(text)
        return Exit.DONE


def _administrator(name: str | None) -> User:
    """Return the administrator of that name, or the only one; else end the command, naming those that there are."""
    found = admin_link.administrators()
    if name:
        found = found.filter(username=name)
    if len(found) == 1:
        return found[0]
    known = ", ".join(user.username for user in admin_link.administrators())
    if name:
        text = _("There is no administrator “%(name)s”. There are: %(known)s.") % {"name": name, "known": known}
    else:
        text = _("There are several administrators; name one of them: %(known)s.") % {"known": known}
    raise stopped(text, Exit.USAGE)


def _warnings(address: str) -> list[str]:
    """Return why the link would not work at this address."""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    warnings = []
    if not validate_host(host, settings.ALLOWED_HOSTS):
        text = _("The panel does not answer to %(host)s: add it to ALLOWED_HOSTS and start the panel again.")
        warnings.append(text % {"host": host})
    if settings.SESSION_COOKIE_SECURE and parts.scheme == "http" and host not in _LOOPBACK:
        # Browsers keep Secure cookies over http for these alone (seen in Chromium).
        warnings.append(_("HTTPS is on: over http, browsers can log in at http://localhost and http://127.0.0.1 only."))
    if parts.port == 0:
        warnings.append(_("PORT is 0: name the address that the start has printed with --address."))
    return warnings
