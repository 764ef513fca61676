"""What is told: one alert as plain values, for every kind of channel. It holds no secret and no text of a message."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Event(StrEnum):
    """What an alert tells."""

    OPENED = "opened"
    RESOLVED = "resolved"
    #: Somebody has pressed the button.
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert, in the language of its channel."""

    #: The same with every try of the same notice.
    uid: str
    event: Event
    #: A value of `IncidentKind`; empty for a test.
    kind: str = ""
    #: The profile that it is about, by its number, name and short name; none where it is about more than one.
    profile_id: int | None = None
    profile_name: str = ""
    profile_slug: str = ""
    incident_id: int | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    language: str = "en"
    #: One line that says all, and the whole as plain text.
    subject: str
    text: str
    cause: str = ""
    first_step: str = ""
    #: The page of the panel to look at; empty where the panel's address is not known.
    link: str = ""
