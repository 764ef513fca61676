"""`manage.py support_bundle`: what somebody who helps has to know, without secrets, to copy."""

from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext as _

from smtpadmin import support_bundle
from smtpadmin.management.terminal import Exit, TerminalCommand, find_profile


class Command(TerminalCommand):
    """Writes the bundle; also where the database is away, which it then says."""

    def describe(self) -> str:
        return _("Write what somebody who helps has to know: versions, settings, profiles, queue. Without secrets.")

    def take_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("profile", nargs="?", help=_("Of the profiles, this one alone."))
        parser.add_argument("--json", action="store_true", help=_("Write one JSON object for programs."))

    def act(self, **options: Any) -> Exit:
        if options["profile"]:
            # Where the database is away, the bundle is there to say so.
            with suppress(DatabaseError, InterfaceError):
                find_profile(options["profile"])
        bundle = support_bundle.collect(options["profile"] or "")
        if options["json"]:
            self.write_json(bundle)
        else:
            self.stdout.write(support_bundle.as_markdown(bundle))
        return Exit.DONE
