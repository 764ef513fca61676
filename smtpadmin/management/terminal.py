"""What the commands of a bad day have in common: the reader's language, exit codes, and lines that stand in columns.

They run where pages and mail may not: no system check stops them, and a database that is away is one line and no
traceback. How a test's result looks is `verdicts`'.
"""

import io
import json
import locale
import os
import sys
import unicodedata
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.management.color import no_style
from django.db import DatabaseError, InterfaceError
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from smtpadmin import keys, profiles
from smtpadmin.crypto import CryptoError
from smtpadmin.exceptions import KeyringLocked
from smtpadmin.keys import LockReason
from smtpadmin.models import Profile
from smtpadmin.names import validate_address
from smtpadmin.providers import CatalogueError
from smtpadmin.smtp import Secret
from smtpadmin.smtp.replies import printable

LANGUAGES = ("en", "zh-hans")
#: As wide as a mark and the space behind it.
INDENT = " " * 6

_MARKS = {"ok": "ok", "warning": "WARN", "failed": "FAIL"}
_LOCKED: Mapping[LockReason, str | Promise] = {
    LockReason.MISSING: gettext_lazy(
        "The panel is locked: no encryption key is set. Set SMTPADMIN_KEYS or SMTPADMIN_KEYS_FILE to the keys that the "
        "stored passwords were sealed with. Nothing has been changed."
    ),
    LockReason.MALFORMED: gettext_lazy(
        "The panel is locked: the encryption key is damaged. A key has 44 characters; look for a cut-off end, "
        "quotation marks or a line break. Nothing has been changed."
    ),
    LockReason.WRONG: gettext_lazy(
        "The panel is locked: this is not the encryption key that the stored passwords were sealed with. Put the right "
        "key back. Nothing has been changed."
    ),
}


class Exit(IntEnum):
    """How a command ends; docs/command-line.md tells scripts."""

    DONE = 0
    #: The server says no, or what was asked for cannot be; the output says why.
    FAILED = 1
    USAGE = 2
    #: The panel itself is in the way: keys, settings, database, a file of its own; or a password for other settings.
    PANEL = 3
    #: Not now: another test is under way, or too many were started.
    BUSY = 4
    #: Ctrl-C, as shells count it.
    INTERRUPTED = 130


def stopped(text: str, code: Exit) -> CommandError:
    """Return the error that ends a command with `code` and one line on standard error."""
    return CommandError(printable(text), returncode=code)


class TerminalCommand(BaseCommand):
    """A command in the reader's language. Subclasses say what it is for, what it takes, and do it."""

    # A damaged key is an error of theirs too, and here it has an exit code of its own.
    requires_system_checks = []
    _is_colour_forced = False

    def describe(self) -> str:
        """Return what the command is for."""
        raise NotImplementedError

    def take_arguments(self, parser: ArgumentParser) -> None:
        """Add the command's own arguments."""

    def act(self, **options: Any) -> Exit:
        """Do it."""
        raise NotImplementedError

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.description = self.describe()
        self.take_arguments(parser)
        parser.add_argument("--lang", choices=LANGUAGES, help=_("Language of the output."))

    def run_from_argv(self, argv: list[str]) -> None:
        for stream in (sys.stdout, sys.stderr):
            # A terminal that knows no Chinese shows a question mark; by itself it would end the command.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        try:
            super().run_from_argv(argv)
        except BrokenPipeError:
            # Whoever reads has seen enough (`| head`). What is still buffered would fail once more at the very end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(Exit.FAILED) from None

    def execute(self, *args: Any, **options: Any) -> str | None:
        self._is_colour_forced = bool(options["force_color"])
        return super().execute(*args, **options)

    def handle(self, **options: Any) -> None:
        with translation.override(self._language(options["lang"])):
            try:
                code = self.act(**options)
            except KeyringLocked:
                raise stopped(lock_text(), Exit.PANEL) from None
            except (DatabaseError, InterfaceError) as error:
                text = _("The database cannot be used: %(error)s") % {"error": " ".join(str(error).split())}
                raise stopped(text, Exit.PANEL) from None
            except (CatalogueError, ImproperlyConfigured) as error:
                raise stopped(str(error), Exit.PANEL) from None
            except KeyboardInterrupt:
                code = Exit.INTERRUPTED
        if code is not Exit.DONE:
            raise SystemExit(code)

    def line(self, text: str = "", *, mark: str = "") -> None:
        """Write one line, behind the mark for how something ended; at once: somebody may be looking on."""
        self.stdout.write((self._mark(mark) if mark else "") + printable(text).rstrip())
        self.stdout.flush()

    def write_json(self, value: Mapping[str, Any]) -> None:
        """Write one JSON object."""
        self.stdout.write(json.dumps(value, ensure_ascii=False, indent=2))

    def _mark(self, status: str) -> str:
        """Return the mark, as wide as the others; coloured where that can be seen."""
        style = self.style if self.stdout.isatty() or self._is_colour_forced else no_style()
        paint = {"ok": style.SUCCESS, "warning": style.WARNING, "failed": style.ERROR}[status]
        mark = _MARKS[status]
        return paint(mark) + " " * (len(INDENT) - len(mark))

    def _language(self, chosen: str | None) -> str:
        """Return --lang, else the project's; English gives way to the Chinese of whoever sits at the terminal."""
        active = chosen or translation.get_language() or settings.LANGUAGE_CODE
        reader = locale.getlocale()[0] or ""
        if not chosen and active.startswith("en") and reader.startswith("zh") and self.stdout.isatty():
            return "zh-hans"
        return active


# What more than one command needs


def find_profile(slug: str) -> Profile:
    """Return the profile, a disabled one too; else end the command, naming those that there are."""
    profile = Profile.objects.filter(slug=slug).first()
    if profile is None:
        known = ", ".join(Profile.objects.order_by("slug").values_list("slug", flat=True)) or pgettext("list", "none")
        text = _("There is no SMTP profile “%(slug)s”. There are: %(known)s.") % {"slug": slug, "known": known}
        raise stopped(text, Exit.USAGE)
    return profile


def checked_address(text: str) -> str:
    """Return the address; end the command where it is none."""
    address = text.strip()
    try:
        validate_address(address)
    except ValidationError as error:
        raise stopped(" ".join(error.messages), Exit.USAGE) from None
    return address


def password_of(profile: Profile) -> Secret:
    """Return the stored password; end the command where it is bound to other settings. Raise KeyringLocked."""
    try:
        return profiles.password(profile)
    except CryptoError:
        text = _(
            "The stored secret was given for other settings and cannot be used. Type it again on the settings page."
        )
        raise stopped(text, Exit.PANEL) from None


def refuse_while_locked() -> None:
    """End the command where the keys are not the right ones: nothing is changed then."""
    if keys.lock_reason() is not None:
        raise stopped(lock_text(), Exit.PANEL)


def lock_text() -> str:
    """Return why the panel is locked."""
    reason = keys.lock_reason()
    return str(_LOCKED[reason]) if reason else ""


def columns(text: str) -> int:
    """Return how many columns a text takes: a Chinese character has two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def left(text: str, width: int) -> str:
    """Return `text` with spaces behind it."""
    return text + " " * (width - columns(text))


def right(text: str, width: int) -> str:
    """Return `text` with spaces before it."""
    return " " * (width - columns(text)) + text


def table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the rows with their columns aligned."""
    cells = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(left(text, width) for text, width in zip(row, widths, strict=True)).rstrip()
