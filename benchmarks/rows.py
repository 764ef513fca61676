"""Many rows in our tables at once, written by the database itself: a million through the outbox would take too long."""

from typing import Any

_EMPTY = "''"


def add(profile: Any, state: str, count: int) -> None:
    """Add messages that are `sent`, or `queued` behind all others. These have no body: nobody must come to them."""
    from django.db import connection

    from smtpadmin.models import Message

    first = (Message.objects.order_by("id").values_list("id", flat=True).last() or 0) + 1
    series = _series(connection.vendor, first=first, last=first + count - 1)
    tables = {
        "smtpadmin_message": _message(connection.vendor, profile, state),
        "smtpadmin_recipient": _recipient(state),
    }
    if state == "sent":
        tables["smtpadmin_attempt"] = _attempt(connection.vendor, profile)
    with connection.cursor() as cursor:
        for table, columns in tables.items():
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {series}"
            )
        if connection.vendor == "postgresql":
            # The sequence has not seen the ids that were given.
            sequence = "pg_get_serial_sequence('smtpadmin_message', 'id')"
            cursor.execute(f"SELECT setval({sequence}, (SELECT max(id) FROM smtpadmin_message))")


def _series(vendor: str, *, first: int, last: int) -> str:
    """Return a source of rows with a column `n`."""
    if vendor == "postgresql":
        return f"generate_series({first}, {last}) AS series(n)"
    return f"(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last}) SELECT n FROM s)"


def _seconds_ago(vendor: str, seconds: str) -> str:
    if vendor == "postgresql":
        return f"now() - ({seconds}) * interval '1 second'"
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ({seconds}) || ' seconds')"


def _message(vendor: str, profile: Any, state: str) -> dict[str, str]:
    is_sent = state == "sent"
    # A month's mail, or what was queued a moment ago, after all that was queued before.
    created = _seconds_ago(vendor, "n % 2592000" if is_sent else "0")
    return {
        "id": "n", "uid": "lpad(to_hex(n), 32, '0')" if vendor == "postgresql" else "printf('%032x', n)",
        "profile_id": str(profile.pk), "profile_slug": f"'{profile.slug}'", "profile_name": f"'{profile.name}'",
        "lane": "2", "state": f"'{state}'", "phase": _EMPTY, "created_at": created, "due_at": created,
        "expires_at": _seconds_ago(vendor, "-86400") if vendor == "postgresql" else "datetime('now', '+1 day')",
        "ended_at": created if is_sent else "NULL", "fence": "1", "lease": _EMPTY, "lease_until": "0",
        "lease_boot": _EMPTY, "attempts": "1", "crashes": "0", "uncertain": "0", "resend_uncertain": "FALSE",
        "sender": "'notify@example.com'", "message_id": _EMPTY, "size": "5000", "recipients_total": "1",
        "recipients_sent": "1" if is_sent else "0", "recipients_failed": "0", "stage": _EMPTY, "cause": _EMPTY,
        "origin_slug": _EMPTY, "moved_because": _EMPTY, "asked_from": _EMPTY, "direct": "FALSE",
    }  # fmt: skip


def _recipient(state: str) -> dict[str, str]:
    return {
        "message_id": "n", "address": "'person' || n || '@example.org'",
        "state": "'sent'" if state == "sent" else "'pending'", "stage": _EMPTY, "cause": _EMPTY, "enhanced": _EMPTY,
        "reply": _EMPTY,
    }  # fmt: skip


def _attempt(vendor: str, profile: Any) -> dict[str, str]:
    return {
        "message_id": "n", "at": _seconds_ago(vendor, "n % 2592000"), "fence": "1", "worker": "'one'",
        "profile_slug": f"'{profile.slug}'", "outcome": "'sent'", "seconds": "0.01", "stage": _EMPTY, "cause": _EMPTY,
        "code": "250", "enhanced": "'2.0.0'", "reply": "'2.0.0 Ok'",
    }  # fmt: skip
