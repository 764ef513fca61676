"""`manage.py which_profile`: the way of a message before it is sent, and why it is this one."""

from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _

from smtpadmin import options as wishes
from smtpadmin import routing
from smtpadmin.management.terminal import INDENT, Exit, TerminalCommand, stopped
from smtpadmin.routing import App, Finding, NoApp, Obstacle, Route, Stop
from smtpadmin.wording import route as words

JSON_VERSION = 1


class Command(TerminalCommand):
    """Answers by the rules that real mail follows; asks no server and changes nothing."""

    def describe(self) -> str:
        return _("Show which profile a message would leave through, and why. No server is asked, nothing is changed.")

    def take_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="sender", metavar="ADDRESS", help=_("The From that the app asks for."))
        parser.add_argument("--to", metavar="ADDRESS", required=True, help=_("The recipient."))
        parser.add_argument("--app", metavar="NAME", help=_("The entry of MAILERS that the app sends with."))
        parser.add_argument("--lane", choices=tuple(wishes.LANES), help=_("By default the app's, else normal."))
        parser.add_argument("--profile", metavar="SLUG", help=_("The profile that the app names."))
        parser.add_argument("--json", action="store_true", help=_("Write one JSON object for programs."))

    def act(self, **options: Any) -> Exit:
        try:
            app = routing.app(options["app"]) if options["app"] else App()
        except NoApp as error:
            raise stopped(str(error), Exit.USAGE) from None
        route = routing.explain(
            from_address=options["sender"] or "",
            recipient=options["to"].strip(),
            slug=options["profile"] or app.profile,
            lane=wishes.LANES[options["lane"]] if options["lane"] else app.lane,
            queue=app.queue,
        )
        if options["json"]:
            self.write_json(_as_json(route))
        else:
            self._show(route)
        return Exit.DONE if route.leaves_now else Exit.FAILED

    def _show(self, route: Route) -> None:
        self.line(_verdict(route), mark=_mark(route))
        if route.origin is None:
            return
        self.line()
        self._stop(route.origin, why=route.why)
        self.line()
        self.line(words.takeover(route))
        for stop in route.fallbacks:
            self.line()
            self._stop(stop)

    def _stop(self, stop: Stop, *, why: str = "") -> None:
        profile = stop.profile
        mark = "failed" if stop.refuses else "warning" if stop.obstacles else "ok"
        self.line(f"{profile.name} ({profile.slug}, {profile.endpoint})", mark=mark)
        for text in (why, *(_obstacle(stop, each) for each in stop.obstacles), *words.details(stop)):
            if text:
                self.line(INDENT + text)


def _mark(route: Route) -> str:
    if route.through is None:
        return "failed"
    return "ok" if route.leaves_now else "warning"


def _verdict(route: Route) -> str:
    text = words.verdict(route)
    if route.origin is not None or route.slug:
        return text
    return _("%(text)s Make one with: manage.py use_profile") % {"text": text}


def _obstacle(stop: Stop, obstacle: Obstacle) -> str:
    """Return what is in the way; where a command tells more, with that."""
    text = words.in_the_way(obstacle)
    if obstacle.finding is not Finding.TEST_FAILED:
        return text
    return _("%(text)s See why: manage.py smtp_check %(slug)s") % {"text": text, "slug": stop.profile.slug}


def _as_json(route: Route) -> dict[str, Any]:
    """Return the route for programs; docs/command-line.md describes each key."""
    return {
        "version": JSON_VERSION,
        "command": "which_profile",
        "recipient": route.recipient,
        "lane": route.lane.name.lower(),
        "queued": route.queued,
        "why": route.why,
        "reason": route.reason.value if route.reason else None,
        "through": route.through.profile.slug if route.through else None,
        "leaves_now": route.leaves_now,
        "origin": _json_stop(route.origin) if route.origin else None,
        "fallbacks": [_json_stop(stop) for stop in route.fallbacks],
    }


def _json_stop(stop: Stop) -> dict[str, Any]:
    profile = stop.profile
    return {
        "profile": profile.slug,
        "server": {"host": profile.host, "port": profile.port, "security": profile.security},
        "from": stop.from_header or None,
        "reply_to": stop.reply_to or None,
        "obstacles": [
            {
                "finding": obstacle.finding.value,
                "effect": obstacle.effect.value,
                "text": obstacle.text,
                "until": obstacle.until.isoformat() if obstacle.until else None,
            }
            for obstacle in stop.obstacles
        ],
        "limits": [
            {
                "seconds": limit.rate.seconds,
                "count": limit.rate.count,
                "left": limit.left,
                "of_recipient": limit.of_recipient,
            }
            for limit in stop.limits
        ],
        "max_message_bytes": profile.max_message_bytes,
        "max_recipients": profile.max_recipients,
    }
