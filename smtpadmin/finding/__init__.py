"""Finding the right settings: from an address alone, and for a server whose port or encryption was wrong.

    search        an address -> steps: catalogue, MX, SRV, autoconfig, probing
    alternatives  a failed test -> the other ways to the same host
    values        what both give back

These are served by, and callers need not know, `ports` (servers up to EHLO), `autoconfig` (the file, pure), `https`
(one bounded download) and `texts`. No Django, no database, no credential.
"""

from smtpadmin.finding.alternatives import Alternative, alternatives, can_help
from smtpadmin.finding.ports import WAYS, Tried
from smtpadmin.finding.search import Options, best, find, known, settings_of
from smtpadmin.finding.values import Finding, Outcome, Settings, Source, Step, Sureness

__all__ = [
    "WAYS",
    "Alternative",
    "Finding",
    "Options",
    "Outcome",
    "Settings",
    "Source",
    "Step",
    "Sureness",
    "Tried",
    "alternatives",
    "best",
    "can_help",
    "find",
    "known",
    "settings_of",
]
