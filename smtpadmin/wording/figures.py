"""Times and numbers as the pages write them: short, and clear to the reader."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from smtpadmin.outbox.overview import MOST_COUNTED


def moment(value: datetime) -> str:
    """Return a time as short as it is clear: today's without the day, another year's with the year."""
    local, now = timezone.localtime(value), timezone.localtime()
    if local.date() == now.date():
        return date_format(local, "TIME_FORMAT")
    if local.year == now.year:
        return date_format(local, pgettext("date format", "M j, P"))
    return date_format(local, "DATETIME_FORMAT")


def to_the_second(value: datetime) -> str:
    """Return a time for reading beside a server's log."""
    local = timezone.localtime(value)
    if local.date() == timezone.localdate():
        return date_format(local, "H:i:s")
    return date_format(local, pgettext("date format", "M j, H:i:s"))


def number(count: int) -> str:
    """Return a number as people write it."""
    return str(number_format(count, force_grouping=True))


def at_most(count: int) -> str:
    """Return a count that ended at its bound as what it is: more than that."""
    if count > MOST_COUNTED:
        return _("more than %(count)s") % {"count": number(MOST_COUNTED)}
    return number(count)
