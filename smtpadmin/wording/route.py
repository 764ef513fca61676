"""The way of a message in words: what `which_profile` prints, and the page of the same name shows.

The way itself, with the texts of what is in it, is `routing`'s.
"""

from collections.abc import Iterator

from django.template.defaultfilters import filesizeformat
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from smtpadmin.outbox.pace import Left
from smtpadmin.routing import Obstacle, Route, Stop


def verdict(route: Route) -> str:
    """Return what becomes of the message, in a sentence."""
    if route.origin is None:
        return route.why
    if route.through is None:
        return _("The message would be refused.")
    values = {"through": route.through.profile.name, "origin": route.origin.profile.name}
    if not route.leaves_now:
        return _("The message would wait for %(through)s.") % values
    if route.through is route.origin:
        return _("The message would leave through %(through)s.") % values
    return _("The message would leave through %(through)s, because %(origin)s is paused.") % values


def takeover(route: Route) -> str:
    """Return what stands before the fallbacks, or in their place where there are none."""
    if not route.queued:
        return _("The app waits for the server's answer: nothing is queued, so no fallback takes over.")
    return _("May take over, in this order") if route.fallbacks else _("No fallback would take over.")


def in_the_way(obstacle: Obstacle) -> str:
    """Return what is in the way, and until when."""
    if obstacle.until is None:
        return obstacle.text
    time = f"{localtime(obstacle.until):%Y-%m-%d %H:%M:%S}"
    return _("%(text)s Next try: %(time)s.") % {"text": obstacle.text, "time": time}


def details(stop: Stop) -> Iterator[str]:
    """Yield what readers would see, and what the profile's limits leave."""
    if stop.from_header:
        yield f"From: {stop.from_header}"
    if stop.reply_to:
        yield f"Reply-To: {stop.reply_to}"
    if stop.limits:
        limits = pgettext("between items", ", ").join(map(_left, stop.limits))
        yield _("Left of its limits: %(limits)s") % {"limits": limits}
    profile = stop.profile
    if profile.max_message_bytes:
        yield _("Largest message: %(size)s") % {"size": filesizeformat(profile.max_message_bytes)}
    if profile.max_recipients:
        yield _("Most recipients per message: %(count)d") % {"count": profile.max_recipients}


def _left(limit: Left) -> str:
    values = {"left": limit.left, "count": limit.rate.count, "seconds": limit.rate.seconds}
    words = {
        1: _("%(left)d of %(count)d per second"),
        60: _("%(left)d of %(count)d per minute"),
        3600: _("%(left)d of %(count)d per hour"),
        86400: _("%(left)d of %(count)d per day"),
    }
    text = words.get(limit.rate.seconds, _("%(left)d of %(count)d in %(seconds)d seconds")) % values
    return _("%(limit)s to this recipient") % {"limit": text} if limit.of_recipient else text
