"""The outbox: every change of a message's state is here, and nowhere else.

    enqueue    accepted, in the caller's transaction      release    ended leases, expiry, the second try
    claim      held by a worker; mark, renew, give back   decisions  what people decide
    judge      what a result means (pure)                 circuit    paused profiles and their probes
    settle     what became of it, written                 prune      forgetting
    record     what was sent without waiting here         space     room on SQLite's disk
    failover   to a fallback profile, and back            pace       rates, enforced over all workers
                                                          turn       the mark, where they let it through

Each change is one conditional statement whose returned rows are looked at. Sending is `delivery`'s, running `worker`'s.
"""

from smtpadmin.outbox.circuit import claim_server, opened, resume, succeeded
from smtpadmin.outbox.claim import (
    ALL_LANES,
    Addressee,
    Claim,
    Claimed,
    claim,
    due_profiles,
    give_back,
    mark,
    renew,
)
from smtpadmin.outbox.decisions import cancel, give_up, resend, retry_now, send_again
from smtpadmin.outbox.enqueue import Outgoing, Queued, enqueue
from smtpadmin.outbox.failover import elsewhere, move_waiting
from smtpadmin.outbox.judge import Settlement, judge, unsendable
from smtpadmin.outbox.prune import Removed, clean, prune, prune_bodies, truncate_log
from smtpadmin.outbox.record import record
from smtpadmin.outbox.release import Released, expire, release, resend_uncertain
from smtpadmin.outbox.settle import PATIENCE, settle
from smtpadmin.outbox.space import ACCEPT_FLOOR, SEND_FLOOR, check_room, may_accept, may_send
from smtpadmin.outbox.sql import persist

__all__ = [
    "ACCEPT_FLOOR",
    "ALL_LANES",
    "PATIENCE",
    "SEND_FLOOR",
    "Addressee",
    "Claim",
    "Claimed",
    "Outgoing",
    "Queued",
    "Released",
    "Removed",
    "Settlement",
    "cancel",
    "check_room",
    "claim",
    "claim_server",
    "clean",
    "due_profiles",
    "elsewhere",
    "enqueue",
    "expire",
    "give_back",
    "give_up",
    "judge",
    "mark",
    "may_accept",
    "may_send",
    "move_waiting",
    "opened",
    "persist",
    "prune",
    "prune_bodies",
    "record",
    "release",
    "renew",
    "resend",
    "resend_uncertain",
    "resume",
    "retry_now",
    "send_again",
    "settle",
    "succeeded",
    "truncate_log",
    "unsendable",
]
