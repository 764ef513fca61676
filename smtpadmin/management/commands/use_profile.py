"""`manage.py use_profile`: switch the default profile, or list the profiles with their state."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from smtpadmin import profiles
from smtpadmin.management.terminal import Exit, TerminalCommand, find_profile, refuse_while_locked, stopped, table
from smtpadmin.models import Circuit, PauseReason, Profile, TestState
from smtpadmin.wording.health import for_list, health


class Command(TerminalCommand):
    """Switches the default; asks nothing."""

    def describe(self) -> str:
        return _("Make a profile the default: mail that names no profile then leaves through it.")

    def take_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("profile", nargs="?", help=_("The short name of a profile."))
        parser.add_argument("--list", action="store_true", help=_("Show the profiles and their state; change nothing."))

    def act(self, **options: Any) -> Exit:
        if bool(options["profile"]) == options["list"]:
            raise stopped(_("Name a profile, or use --list."), Exit.USAGE)
        if options["list"]:
            self._list()
        else:
            self._use(find_profile(options["profile"]))
        return Exit.DONE

    def _use(self, profile: Profile) -> None:
        refuse_while_locked()
        before = Profile.objects.filter(is_default=True).first()
        if before == profile:
            self.line(_("%(profile)s is the default already.") % {"profile": _shown(profile)})
            return
        was_enabled = profile.enabled
        profiles.make_default(profile)
        self.line(
            _("The default was: %(profile)s")
            % {"profile": _shown(before) if before else pgettext("default profile", "none")}
        )
        self.line(_("The default is:  %(profile)s") % {"profile": _shown(profile)})
        if not was_enabled:
            self.line(_("It was disabled, and is enabled now."))
        if profile.test_state != TestState.WORKING:
            text = _("Its state: %(state)s. To see whether it works: manage.py smtp_check %(slug)s")
            self.line(text % {"state": health(profile).label, "slug": profile.slug})

    def _list(self) -> None:
        rows = list(for_list(Profile.objects.order_by("-is_default", "slug")))
        if not rows:
            self.line(_("There is no SMTP profile yet."))
            return
        paused = dict(Circuit.objects.exclude(reason="").values_list("profile_id", "reason"))
        for text in table(_rows(rows, paused)):
            self.line(text)


def _rows(rows: list[Profile], paused: dict[int, str]) -> Iterator[tuple[str, ...]]:
    yield "", _("short name"), pgettext("profile", "name"), _("server"), pgettext("profile", "state"), _("last test")
    for profile in rows:
        state = pgettext("profile state", "enabled") if profile.enabled else pgettext("profile state", "disabled")
        if profile.enabled and profile.pk in paused:
            state = _("paused: %(reason)s") % {"reason": PauseReason(paused[profile.pk]).label}
        at = health(profile).at
        when = f"  {localtime(at):%Y-%m-%d %H:%M}" if at else ""
        yield (
            "*" if profile.is_default else "",
            profile.slug,
            profile.name,
            profile.endpoint,
            state,
            f"{health(profile).label}{when}",
        )


def _shown(profile: Profile) -> str:
    return f"{profile.name} ({profile.slug}, {profile.endpoint})"
