"""`manage.py send_test`: the page's “Send test email”, recorded like one."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import translation
from django.utils.translation import gettext as _

from smtpadmin import testing
from smtpadmin.management import verdicts
from smtpadmin.management.terminal import Exit, TerminalCommand, checked_address, find_profile, password_of, stopped
from smtpadmin.testing import TestRefused


class Command(TerminalCommand):
    """Sends a test message; the result is then on the profile's page too."""

    def describe(self) -> str:
        return _("Send a test message through a profile. The result is kept and shown on the profile's page too.")

    def take_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("profile", help=_("The short name of a profile."))
        parser.add_argument("--to", metavar="ADDRESS", required=True, help=_("An inbox that you can look into."))
        parser.add_argument("--json", action="store_true", help=_("Write one JSON object for programs."))

    def act(self, **options: Any) -> Exit:
        recipient = checked_address(options["to"])
        profile = find_profile(options["profile"])
        password = password_of(profile)
        # Whoever works at the command line has no account here.
        user = AnonymousUser()
        try:
            testing.start(profile, user=user)
        except TestRefused as refusal:
            raise stopped(refusal.message, Exit.BUSY) from None
        language = translation.get_language() or "en"
        events = testing.run(profile, password=password, recipient=recipient, send=True, language=language, user=user)
        if options["json"]:
            report = verdicts.report_of(events)
            self.write_json(verdicts.as_json(report, profile, command="send_test"))
        else:
            self.line(f"{profile.endpoint}  {profile.get_security_display()}")
            self.line()
            report = verdicts.show(self, events, said=options["verbosity"] > 1)
        return Exit.DONE if report.ok else Exit.FAILED
