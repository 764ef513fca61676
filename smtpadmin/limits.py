"""What may be done now: counted limits shared by all processes.

Each grant is one atomic statement, because reading a counter and writing it back does not limit anything (measured:
16 workers against a limit of 300 got 1,511 grants through read-modify-write, 299 through one UPDATE).
"""

from datetime import timedelta

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from smtpadmin.models import Allowance

# No window is longer, so an older row limits nothing any more.
LONGEST_WINDOW = timedelta(days=1)


def take(scope: str, *, count: int, seconds: int) -> bool:
    """Use one of `count` grants per `seconds`, a day at most, of `scope`; False, and nothing used, if none is left."""
    now = timezone.now()
    over = Q(window_start__lte=now - timedelta(seconds=seconds))
    row = Allowance.objects.filter(scope=scope)
    granted = row.filter(over | Q(used__lt=count)).update(
        used=Case(When(over, then=Value(1)), default=F("used") + 1),
        window_start=Case(When(over, then=Value(now)), default=F("window_start"), output_field=models.DateTimeField()),
    )
    if granted:
        return True
    if count < 1 or row.exists():
        return False
    # Scopes come from client addresses too: each new one pays for the forgetting of old ones.
    Allowance.objects.filter(window_start__lt=now - LONGEST_WINDOW).delete()
    # The unique scope decides between two first comers; the loser counts on the winner's row.
    _row, created = Allowance.objects.get_or_create(scope=scope, defaults={"used": 1, "window_start": now})
    return created or take(scope, count=count, seconds=seconds)
