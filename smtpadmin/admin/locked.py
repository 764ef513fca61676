"""The locked state in words: why no secret can be opened or stored, and what to do about it."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smtpadmin import keys
from smtpadmin.keys import LockReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why the panel is locked, and the way out in steps."""

    reason: LockReason
    title: str | Promise
    text: str | Promise
    steps: tuple[str | Promise, ...]


_KEPT = "_smtpadmin_lock_reason"
_RESTART = _("Start the panel again. This page then gives way to your profiles.")
_EXPLANATIONS = {
    LockReason.MISSING: Explanation(
        reason=LockReason.MISSING,
        title=_("Locked: the encryption key is missing"),
        text=_(
            "The secrets of your profiles are sealed with a key that lives outside the database, and no key is set. "
            "Nothing is lost and nothing has been changed."
        ),
        steps=(
            _("Find the key that was in use: the file smtpadmin_keys of the data folder, or its backup."),
            _(
                "Set SMTPADMIN_KEYS, or SMTPADMIN_KEYS_FILE with the path of the key file; in a project of your own, "
                "SMTPADMIN[“KEYS”]."
            ),
            _RESTART,
        ),
    ),
    LockReason.MALFORMED: Explanation(
        reason=LockReason.MALFORMED,
        title=_("Locked: the encryption key is damaged"),
        text=_(
            "A key is set, but it is not a key: one has 44 letters, digits, “-” or “_” and ends with “=”. Nothing is "
            "lost and nothing has been changed."
        ),
        steps=(
            _("Look for a cut-off end, quotation marks or a line break in SMTPADMIN_KEYS or in the key file."),
            _("Put the whole key back. Several keys stand with spaces or line breaks between them, the newest first."),
            _RESTART,
        ),
    ),
    LockReason.WRONG: Explanation(
        reason=LockReason.WRONG,
        title=_("Locked: this is another encryption key"),
        text=_(
            "The keys that are set do not open the stored secrets. Saving with them would make the loss permanent, so "
            "nothing can be changed until the right key is back. Nothing has been changed so far."
        ),
        steps=(
            _(
                "Put back the key that belongs to this database. A restored database needs the key of the time of its "
                "backup."
            ),
            _("If you have changed the key on purpose, list both: the new one first, the old one behind it."),
            _RESTART,
        ),
    ),
}  # fmt: skip


def explanation(request: HttpRequest) -> Explanation | None:
    """Return the explanation of the present lock, or None when nothing is locked. Looked up once per request."""
    if not hasattr(request, _KEPT):
        setattr(request, _KEPT, keys.lock_reason())
    reason = getattr(request, _KEPT)
    return None if reason is None else _EXPLANATIONS[reason]
