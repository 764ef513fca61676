"""Whether anything sends: the workers that are alive, in words for pages. What a worker does is `worker`'s."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from smtpadmin.models import Attempt, WorkerBeat

#: A worker that has not been heard of for so long is not alive: it beats every few seconds.
SILENT_AFTER = timedelta(seconds=60)
# More of them help nobody to see.
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker process."""

    host: str
    pid: int
    since: datetime
    beat: datetime
    is_alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The workers that were heard of lately, the last first."""

    shown: tuple[Worker, ...]
    last_beat: datetime | None

    @property
    def is_missing(self) -> bool:
        """Whether none is alive."""
        return not any(each.is_alive for each in self.shown)


def workers() -> Workers:
    """Return who was heard of lately."""
    now = timezone.now()
    rows = list(WorkerBeat.objects.order_by("-beat_at")[:_SHOWN])
    return Workers(
        shown=tuple(
            Worker(
                host=row.host,
                pid=row.pid,
                since=row.started_at,
                beat=row.beat_at,
                is_alive=row.beat_at > now - SILENT_AFTER,
            )
            for row in rows
        ),
        last_beat=rows[0].beat_at if rows else None,
    )


def nothing_was_ever_sent() -> bool:
    """Say whether no attempt is on record: then nobody, a task system neither, has ever looked after the mail."""
    return not Attempt.objects.exists()
