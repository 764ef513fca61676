"""Sender checks: may mail of this address leave through this provider, and will receivers believe it?

    check       a sender -> findings: From rule, SPF, DKIM, DMARC
    values      what goes in and what comes out

These are served by, and callers need not know: `spf`, `dkim`, `dmarc` and `tags` (records as text, pure), `spf_tree`
(what an SPF record leads to), `spf_check`, `dkim_check`, `dmarc_check` and `context` (what that means for one sender)
and `texts`. Only DNS is asked. No Django, no database.
"""

from smtpadmin.sender_checks.check import check_sender
from smtpadmin.sender_checks.values import Check, Finding, Record, Sender, Severity

__all__ = ["Check", "Finding", "Record", "Sender", "Severity", "check_sender"]
