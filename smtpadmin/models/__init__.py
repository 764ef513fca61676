"""Rows, constraints and named states. Thin: what happens to a row is decided in the modules above."""

from smtpadmin.models.alerts import (
    AlertChannel,
    AlertEvent,
    AlertLanguage,
    AlertNotice,
    ChannelKind,
    NoticeState,
)
from smtpadmin.models.allowance import Allowance, RateLog
from smtpadmin.models.health import HealthState, Incident, IncidentKind, Look, LookSource
from smtpadmin.models.key_check import KeyCheck
from smtpadmin.models.outbox import (
    FINAL,
    Attempt,
    AttemptOutcome,
    Body,
    Circuit,
    Lane,
    Message,
    PauseReason,
    Phase,
    Recipient,
    RecipientState,
    State,
    WorkerBeat,
    body_context,
    new_uid,
)
from smtpadmin.models.profile import FromPolicy, Profile, TestState

__all__ = [
    "FINAL",
    "AlertChannel",
    "AlertEvent",
    "AlertLanguage",
    "AlertNotice",
    "Allowance",
    "Attempt",
    "AttemptOutcome",
    "Body",
    "ChannelKind",
    "Circuit",
    "FromPolicy",
    "HealthState",
    "Incident",
    "IncidentKind",
    "KeyCheck",
    "Lane",
    "Look",
    "LookSource",
    "Message",
    "NoticeState",
    "PauseReason",
    "Phase",
    "Profile",
    "RateLog",
    "Recipient",
    "RecipientState",
    "State",
    "TestState",
    "WorkerBeat",
    "body_context",
    "new_uid",
]
