"""`manage.py smtp_check`: look at the server of a profile, or at any server. Nothing is sent or stored."""

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext as _

from smtpadmin import checking
from smtpadmin.diagnosis import catalogue
from smtpadmin.management import verdicts
from smtpadmin.management.terminal import Exit, TerminalCommand, checked_address, find_profile, password_of, stopped
from smtpadmin.models import Profile
from smtpadmin.providers import Category
from smtpadmin.smtp import Secret

_PORTS = {"tls": 465, "starttls": 587, "none": 25}
# They describe a server, which a profile already does.
_OF_A_SERVER = {
    "port": "--port",
    "security": "--security",
    "username": "--username",
    "password_stdin": "--password-stdin",
    "ca": "--ca",
    "sender": "--from",
}


class Command(TerminalCommand):
    """The same steps as the page's “check only”."""

    def describe(self) -> str:
        return _("Look at the server of a profile, or at any server, step by step. Nothing is sent or stored.")

    def take_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("profile", nargs="?", help=_("The short name of a profile."))
        parser.add_argument("--host", help=_("A server, in place of a profile. The database is not needed then."))
        parser.add_argument("--port", type=int, help=_("By default the one that goes with the encryption."))
        parser.add_argument("--security", choices=tuple(_PORTS), help=_("By default tls for port 465, else starttls."))
        parser.add_argument("--username", help=_("Sign in with this user name."))
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help=_("Read the password from standard input; at a terminal it is asked for and not shown."),
        )
        parser.add_argument("--ca", metavar="FILE", type=Path, help=_("Trust the CA certificates in this PEM file."))
        parser.add_argument("--from", dest="sender", metavar="ADDRESS", help=_("The sender to ask about, with --to."))
        parser.add_argument("--to", metavar="ADDRESS", help=_("Ask about this recipient too, without sending."))
        parser.add_argument("--json", action="store_true", help=_("Write one JSON object for programs."))

    def act(self, **options: Any) -> Exit:
        profile, password = self._target(options)
        recipient = checked_address(options["to"]) if options["to"] else ""
        language = translation.get_language() or "en"
        try:
            events = checking.check(profile, password=password, recipient=recipient, language=language)
        except ValueError as error:
            raise stopped(str(error), Exit.USAGE) from None
        if options["json"]:
            report = verdicts.report_of(events)
            self.write_json(verdicts.as_json(report, profile, command="smtp_check"))
        else:
            self.line(f"{profile.endpoint}  {profile.get_security_display()}")
            self.line()
            report = verdicts.show(self, events, said=options["verbosity"] > 1)
        return Exit.DONE if report.ok else Exit.FAILED

    def _target(self, options: dict[str, Any]) -> tuple[Profile, Secret]:
        if bool(options["profile"]) == bool(options["host"]):
            raise stopped(_("Name a profile, or a server with --host."), Exit.USAGE)
        if options["host"]:
            return _server(options), _typed_password() if options["password_stdin"] else Secret("")
        given = [shown for name, shown in _OF_A_SERVER.items() if options[name]]
        if given:
            text = _("%(options)s: only with --host; a profile has its own.") % {"options": ", ".join(given)}
            raise stopped(text, Exit.USAGE)
        profile = find_profile(options["profile"])
        return profile, password_of(profile)


def _server(options: dict[str, Any]) -> Profile:
    """Return a profile, never saved, for the server that the options describe."""
    security = options["security"] or ("tls" if options["port"] in (None, 465) else "starttls")
    username = options["username"] or ""
    if username and not options["password_stdin"]:
        raise stopped(
            _("--username needs --password-stdin: a password on the command line is seen by others."), Exit.USAGE
        )
    sender = options["sender"] or (username if "@" in username else "")
    if options["to"] and not sender:
        raise stopped(_("Name the sender with --from: the user name is no address."), Exit.USAGE)
    known = catalogue().detect_host(options["host"])
    profile = Profile(
        name=options["host"],
        # Several services have this computer's own name, which tells nothing.
        provider=known.key if known and known.category is not Category.LOCAL else "",
        host=options["host"].strip(),
        port=options["port"] or _PORTS[security],
        security=security,
        username=username,
        ca_pem=_read(options["ca"]) if options["ca"] else "",
        from_address=sender,
    )
    try:
        profile.clean_fields(exclude={"slug", *(() if sender else ("from_address",))})
    except ValidationError as error:
        raise stopped(" ".join(error.messages), Exit.USAGE) from None
    return profile


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        text = _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        raise stopped(text, Exit.USAGE) from None


def _typed_password() -> Secret:
    if sys.stdin.isatty():
        return Secret(getpass.getpass(_("Password: ")))
    return Secret(sys.stdin.readline().rstrip("\r\n"))
